import { Counter, Gauge, Histogram, type Registry } from '@vss-pipeline/runtime/service'
import { type RefusalCode, refusalCodes } from './refusal.ts'
import type { Spool } from './spool/spool.ts'

export interface IngestMetrics {
  accepted(): void
  /** An accepted delivery went to the spool. */
  spooled(): void
  refused(reason: RefusalCode): void
  batchFormed(deliveries: number): void
  enqueueTook(seconds: number): void
}

/** Ingest's own metrics; names are part of the project's contract. */
export function createIngestMetrics(registry: Registry): IngestMetrics {
  const registers = [registry]
  const accepted = new Counter({
    name: 'vss_deliveries_accepted_total',
    help: 'Deliveries acknowledged with 200: durable in the queue or the spool.',
    registers,
  })
  const spooled = new Counter({
    name: 'vss_deliveries_spooled_total',
    help: 'Deliveries acknowledged with 200 that went to the spool because the queue did not take them.',
    registers,
  })
  const refused = new Counter({
    name: 'vss_requests_refused_total',
    help: 'Requests answered with an error, by its code.',
    labelNames: ['reason'],
    registers,
  })
  // Each series begins with 0: an alert on a rate does not see the first burst of a series that begins with it.
  for (const reason of refusalCodes) refused.inc({ reason }, 0)
  const batchDeliveries = new Histogram({
    name: 'vss_batch_deliveries',
    help: 'Deliveries in each batch enqueued.',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500],
    registers,
  })
  const enqueueSeconds = new Histogram({
    name: 'vss_enqueue_seconds',
    help: 'Time to make one batch durable in the queue, failures included.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
    registers,
  })
  return {
    accepted: () => accepted.inc(),
    spooled: () => spooled.inc(),
    refused: (reason) => refused.inc({ reason }),
    batchFormed: (deliveries) => batchDeliveries.observe(deliveries),
    enqueueTook: (seconds) => enqueueSeconds.observe(seconds),
  }
}

/** Shows how much the spool held at its last answer, and how much it may hold. */
export function observeSpool(deps: { registry: Registry; spool: Spool; maxBytes: number }): void {
  const { registry, spool, maxBytes } = deps
  const registers = [registry]
  new Gauge({
    name: 'vss_spool_deliveries',
    help: 'Deliveries in the spool, waiting for the queue.',
    registers,
    collect() {
      this.set(spool.content.deliveries)
    },
  })
  new Gauge({
    name: 'vss_spool_bytes',
    help: 'Bytes of deliveries in the spool.',
    registers,
    collect() {
      this.set(spool.content.bytes)
    },
  })
  new Gauge({
    name: 'vss_spool_max_bytes',
    help: 'Bytes that the spool may hold: SPOOL_MAX_BYTES.',
    registers,
  }).set(maxBytes)
}
