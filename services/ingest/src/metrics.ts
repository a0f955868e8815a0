import { Counter, Histogram, type Registry } from '@vss-pipeline/runtime'
import type { RefusalCode } from './refusal.ts'

export interface IngestMetrics {
  accepted(): void
  refused(reason: RefusalCode): void
  batchFormed(deliveries: number): void
  enqueueTook(seconds: number): void
}

/** Ingest's own metrics; names are part of the project's contract. */
export function createIngestMetrics(registry: Registry): IngestMetrics {
  const registers = [registry]
  const accepted = new Counter({
    name: 'vss_deliveries_accepted_total',
    help: 'Deliveries acknowledged with 200: durable in the queue.',
    registers,
  })
  const refused = new Counter({
    name: 'vss_requests_refused_total',
    help: 'Requests answered with an error, by its code.',
    labelNames: ['reason'],
    registers,
  })
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
    refused: (reason) => refused.inc({ reason }),
    batchFormed: (deliveries) => batchDeliveries.observe(deliveries),
    enqueueTook: (seconds) => enqueueSeconds.observe(seconds),
  }
}
