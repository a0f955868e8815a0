/** What a service says of itself now: the value of one of its metrics, 0 while it has not counted anything. */
export async function readMetric(opsUrl: string, sample: string): Promise<number> {
  const lines = (await (await fetch(`${opsUrl}/metrics`)).text()).split('\n')
  const [name] = sample.split('{')
  if (!lines.some((line) => line.startsWith(`# TYPE ${name} `))) throw new Error(`there is no metric ${name}`)
  const line = lines.find((line) => line.startsWith(`${sample} `))
  return Number(line?.slice(sample.length + 1) ?? 0)
}
