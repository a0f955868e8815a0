/** Preloaded by `--import`: counters and histograms do nothing, and the process' own metrics are not collected. */
import { createRequire } from 'node:module'

// As CommonJS, because the names that a module imports are those of the first import.
const metrics: typeof import('prom-client') = createRequire(import.meta.url)('prom-client')

// The constructors make `inc` and `observe` of these.
Object.assign(metrics.Counter.prototype, { incWithoutExemplar: () => undefined })
Object.assign(metrics.Histogram.prototype, { observeWithoutExemplar: () => undefined })
Object.assign(metrics, { collectDefaultMetrics: () => undefined })
