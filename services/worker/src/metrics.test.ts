import { createMetricsRegistry } from '@vss-pipeline/runtime/service'
import { anomalyCodes, outcomeNames, reasonCodes } from '@vss-pipeline/vss'
import { expect, test } from 'vitest'
import { createWorkerMetrics } from './metrics.ts'

test('every outcome, reason and anomaly has a count of 0 at the start, so that an alert sees its first burst', async () => {
  const registry = createMetricsRegistry()
  createWorkerMetrics(registry)
  const samples = (await registry.metrics()).split('\n')
  for (const outcome of outcomeNames) expect(samples).toContain(`vss_outcomes_total{outcome="${outcome}"} 0`)
  for (const code of reasonCodes) expect(samples).toContain(`vss_reject_reasons_total{code="${code}"} 0`)
  for (const code of anomalyCodes) expect(samples).toContain(`vss_anomalies_total{code="${code}"} 0`)
})
