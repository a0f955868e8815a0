import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ourPipeline } from '../contestant.ts'
import { cpuOf, rateOf } from '../figures.ts'
import { type Events, makeEvents } from '../load/events.ts'
import { type Measured, sideBySide } from '../measure.ts'
import type { Scenario } from '../scenario.ts'
import type { BenchServers } from '../servers.ts'
import { acknowledge, type Slice } from '../slices.ts'

const scrapeIntervalMs = 1_000
/** Slices that a fresh process is given before it is measured, and then. */
const slices = { toWarmUp: 6, measured: 6 } as const
/** An ingest process is fast or slow as a whole, so it takes more of them than of other contestants. */
const startsARound = 3

const withoutMetrics = new URL('../without-metrics.ts', import.meta.url).href

/** The cost of metrics and traces to acknowledgements. */
export const observability: Scenario = {
  name: 'observability',
  async run(bench) {
    const { servers, rounds, scale, onStep } = bench
    const events = makeEvents(12_000 * scale, 'observability')
    const collector = await startCollector()
    const traced = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    }
    const contestants = [
      { name: 'neither', settings: { NODE_OPTIONS: `--import ${withoutMetrics}` }, isScraped: false },
      { name: 'metrics', settings: {}, isScraped: true },
      {
        name: 'metrics, 1 % traced',
        settings: { ...traced, OTEL_TRACES_SAMPLER_ARG: '0.01' },
        isScraped: true,
      },
      { name: 'metrics, all traced', settings: traced, isScraped: true },
    ]
    const cpu = contestants.map(({ name }): Measured => ({ name, samples: [] }))
    const rates = await sideBySide({
      rounds: rounds * startsARound,
      onStep,
      contestants: contestants.map(({ name, settings, isScraped }, index) => ({
        name,
        async measure() {
          const measured = await measureFresh({ servers, events, settings, isScraped })
          cpu[index]!.samples.push(cpuOf(measured, ['ingest']).ingest!)
          return rateOf(measured)
        },
      })),
    })
    collector.stop()
    const comparedWith = contestants[0]!.name
    return [
      {
        title: 'Metrics and traces',
        method: `Acknowledgements as above, each time by a fresh ingest. Its metrics are scraped every second; its spans go to a collector that drops them. Neither: counters and histograms do nothing, and nobody scrapes.`,
        tables: [
          { unit: 'deliveries/s', measured: rates, comparedWith },
          { unit: 'ingest CPU µs/delivery', measured: cpu, comparedWith },
        ],
      },
    ]
  },
}

async function measureFresh(options: {
  servers: BenchServers
  events: Events
  settings: NodeJS.ProcessEnv
  isScraped: boolean
}): Promise<Slice[]> {
  const { servers, events, settings, isScraped } = options
  await servers.reset()
  const running = await ourPipeline({ workers: 0, settings }).start(servers)
  const scraping = isScraped ? setInterval(() => scrape(running.ingest.opsUrl!), scrapeIntervalMs) : undefined
  try {
    const measured: Slice[] = []
    for (let slice = 0; slice < slices.toWarmUp + slices.measured; slice++) {
      measured.push(await acknowledge(servers, running, events))
    }
    return measured.slice(slices.toWarmUp)
  } finally {
    clearInterval(scraping)
    await running.stop()
  }
}

/** A scrape that comes too late, at the stop, measures nothing and breaks nothing. */
function scrape(opsUrl: string): void {
  fetch(`${opsUrl}/metrics`)
    .then((response) => response.text())
    .catch(() => undefined)
}

/** Starts a server that takes every request and keeps nothing. */
async function startCollector(): Promise<{ url: string; stop(): void }> {
  const server = createServer((request, response) => {
    request.resume()
    request.once('end', () => response.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}
