/** Preloaded by `--import`: counters and histograms do nothing, and the process' own metrics are not collected. */
import { createRequire } from 'node:module'

// As CommonJS, because the names that a module imports are those of the first import.
const metrics: typeof import('prom-client') = createRequire(import.meta.url)('prom-client')

metrics.Counter.prototype.inc = () => undefined
metrics.Histogram.prototype.observe = () => undefined
Object.assign(metrics, { collectDefaultMetrics: () => undefined })
