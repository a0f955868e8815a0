import { makeEvents } from '../load/events.ts'
import { postAtRate } from '../load/post-at-rate.ts'
import type { Measured } from '../measure.ts'
import { startOurs } from '../programs.ts'
import { allStored, ledgerRows } from '../rows.ts'
import type { Scenario } from '../scenario.ts'
import { type BenchServers, truncateRows } from '../servers.ts'

const rates = [50, 200, 1_000]
const seconds = 8
const figures = ['ack p50', 'ack p99', 'row p50', 'row p99'] as const

/** The time from a delivery to its answer, and to its row. */
export const latency: Scenario = {
  name: 'latency',
  async run(bench) {
    const { servers, rounds, scale, onStep } = bench
    const measured = new Map(
      rates.flatMap((rate) => figures.map((figure) => [`${rate}/s: ${figure}`, [] as number[]] as const)),
    )
    for (let round = 0; round < rounds; round++) {
      for (const rate of rates) {
        onStep(`${rate} events/s, round ${round + 1} of ${rounds}`)
        await servers.reset()
        const worker = await startOurs('worker', servers)
        const ingest = await startOurs('ingest', servers)
        const warmUp = makeEvents(2_000, 'warm-up')
        await postAtRate(ingest.webhookUrl, warmUp.bodies, 1_000)
        await allStored(ledgerRows(servers), warmUp)
        await truncateRows(servers.db)

        const events = makeEvents(Math.max(rate * seconds * scale, 100), `latency-${round}`)
        const answers = await postAtRate(ingest.webhookUrl, events.bodies, rate)
        await allStored(ledgerRows(servers), events)
        const rows = await rowLatencies(servers)
        const values = [answers.p50, answers.p99, rows.p50, rows.p99]
        for (const [index, figure] of figures.entries()) {
          measured.get(`${rate}/s: ${figure}`)!.push(values[index]!)
        }
        await ingest.stop()
        await worker.stop()
      }
    }
    return [
      {
        title: 'Latency',
        method:
          'Posts come at an even rate. Ack: from the time at which a post was due to its answer. Row: from receipt to the commit of the row.',
        tables: [
          { unit: 'ms', measured: [...measured].map(([name, samples]): Measured => ({ name, samples })) },
        ],
      },
    ]
  },
}

async function rowLatencies({ db }: BenchServers): Promise<{ p50: number; p99: number }> {
  const { rows } = await db.query<{ p50: number; p99: number }>(
    `SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS p50, percentile_cont(0.99) WITHIN GROUP (ORDER BY ms) AS p99
     FROM (
       SELECT (extract(epoch FROM pg_xact_commit_timestamp(xmin) - received_at) * 1000)::float8 AS ms FROM vss.deliveries
     ) AS latencies`,
  )
  return rows[0]!
}
