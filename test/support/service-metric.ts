/**
 * Reads a metric of a service.
 *
 * @param sample the metric's name, with its labels if it has any; of a histogram with `_count` or `_sum`.
 * @returns its value; 0 while nothing was counted.
 * @throws Error when the service has no metric of that name.
 */
export async function readMetric(opsUrl: string, sample: string): Promise<number> {
  const lines = (await (await fetch(`${opsUrl}/metrics`)).text()).split('\n')
  const [name] = sample.split('{')
  const defined = [name, name!.replace(/_(count|sum)$/, '')].map((metric) => `# TYPE ${metric} `)
  if (!lines.some((line) => defined.some((start) => line.startsWith(start)))) {
    throw new Error(`there is no metric ${name}`)
  }
  const line = lines.find((line) => line.startsWith(`${sample} `))
  return Number(line?.slice(sample.length + 1) ?? 0)
}
