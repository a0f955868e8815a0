import { Counter, collectDefaultMetrics, Registry } from 'prom-client'
import { countDroppedLogLines } from './log-output.ts'

export { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** A registry with the process's own metrics (memory, event loop, CPU, its log), for one service. */
export function createMetricsRegistry(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  new Counter({
    name: 'vss_log_lines_dropped_total',
    help: 'Log lines that were dropped because nobody read standard output in time.',
    registers: [registry],
    collect() {
      this.reset()
      this.inc(countDroppedLogLines())
    },
  })
  return registry
}
