/** What a service says of itself now: the value of one metric, 0 where it has none yet. */
export async function readMetric(opsUrl: string, name: string): Promise<number> {
  const metrics = await (await fetch(`${opsUrl}/metrics`)).text()
  const line = metrics.split('\n').find((line) => line.startsWith(`${name} `))
  return Number(line?.slice(name.length + 1) ?? 0)
}
