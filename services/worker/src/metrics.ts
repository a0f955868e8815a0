import type { WriteMetrics } from '@vss-pipeline/pipeline'
import { Counter, Histogram, type Registry } from '@vss-pipeline/runtime/service'
import { anomalyCodes, outcomeNames, reasonCodes } from '@vss-pipeline/vss'

/** The worker's own metrics; names are part of the project's contract. */
export function createWorkerMetrics(registry: Registry): WriteMetrics {
  const registers = [registry]
  const outcomes = new Counter({
    name: 'vss_outcomes_total',
    help: 'Deliveries recorded in the ledger, by outcome.',
    labelNames: ['outcome'],
    registers,
  })
  const rejectReasons = new Counter({
    name: 'vss_reject_reasons_total',
    help: 'Reasons of rejected deliveries, by code; a delivery may have several.',
    labelNames: ['code'],
    registers,
  })
  const anomalies = new Counter({
    name: 'vss_anomalies_total',
    help: 'Anomalies of stored sessions, by code.',
    labelNames: ['code'],
    registers,
  })
  // Each series begins with 0: an alert on a rate does not see the first burst of a series that begins with it.
  for (const outcome of outcomeNames) outcomes.inc({ outcome }, 0)
  for (const code of reasonCodes) rejectReasons.inc({ code }, 0)
  for (const code of anomalyCodes) anomalies.inc({ code }, 0)
  const receiptToRow = new Histogram({
    name: 'vss_receipt_to_row_seconds',
    help: "From a delivery's receipt at ingest to its committed row.",
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600],
    registers,
  })
  const flushRows = new Histogram({
    name: 'vss_flush_rows',
    help: 'Deliveries written in each transaction.',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500],
    registers,
  })
  const flushSeconds = new Histogram({
    name: 'vss_flush_seconds',
    help: 'Time each transaction took.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    registers,
  })

  return {
    flushed(rows, seconds) {
      flushRows.observe(rows)
      flushSeconds.observe(seconds)
    },
    settled(recorded) {
      const now = Date.now()
      for (const { outcome, reasons, entry } of recorded) {
        outcomes.inc({ outcome })
        for (const { code } of reasons) rejectReasons.inc({ code })
        receiptToRow.observe(Math.max(0, now - entry.receivedAtMs) / 1000)
        if (outcome === 'stored' && entry.verdict.kind === 'session') {
          for (const code of entry.verdict.session.anomalies) anomalies.inc({ code })
        }
      }
    },
  }
}
