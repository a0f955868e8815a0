import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Contestant, ourPipeline, type Running } from '../contestant.ts'
import { cpuOf, rateOf } from '../figures.ts'
import { makeEvents } from '../load/events.ts'
import type { Measured } from '../measure.ts'
import { measurePair } from '../pair.ts'
import type { Scenario } from '../scenario.ts'
import { acknowledge } from '../slices.ts'

const scrapeIntervalMs = 1_000
/** An ingest process is fast or slow as a whole, so that it takes several of each. */
const startsARound = 3
/** Ingest is compiled to the end after some 150,000 POSTs. The code of traces runs for few of them, so that it takes more. */
const slices = { toWarmUp: 40, measured: 12 } as const

const withoutMetrics = new URL('../without-metrics.ts', import.meta.url).href

/** The cost of metrics and traces to acknowledgements. */
export const observability: Scenario = {
  name: 'observability',
  async run({ servers, rounds, scale, onStep }) {
    const events = makeEvents(12_000 * scale, 'observability')
    const collector = await startCollector()
    const contestants = [
      scraped(
        ourPipeline({
          workers: 0,
          settings: {
            OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
            OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
            OTEL_TRACES_SAMPLER_ARG: '0.01',
          },
        }),
      ),
      ourPipeline({ workers: 0, settings: { NODE_OPTIONS: `--import ${withoutMetrics}` } }),
    ] as const
    const names = ['metrics, and 1 % traced', 'neither'] as const
    const rates = names.map((name): Measured => ({ name, samples: [] }))
    const cpu = names.map((name): Measured => ({ name, samples: [] }))
    const post = (running: Running) => acknowledge(servers, running, events)
    for (let start = 0; start < rounds * startsARound; start++) {
      onStep(`with and without, start ${start + 1} of ${rounds * startsARound}`)
      await servers.reset()
      const measured = await measurePair({
        servers,
        contestants,
        turns: slices.measured,
        async warmUp(running) {
          for (let slice = 0; slice < slices.toWarmUp; slice++) await post(running)
        },
        measure: async (running) => ({ ack: await post(running) }),
      })
      for (const [index, { ack }] of measured.entries()) {
        rates[index]!.samples.push(rateOf(ack!))
        cpu[index]!.samples.push(cpuOf(ack!, ['ingest']).ingest!)
      }
    }
    collector.stop()
    return [
      {
        title: 'Metrics and traces',
        method: `Acknowledgements as above, in alternating turns, by ${startsARound} ingests of each a round. Metrics are scraped every second; spans go to a collector that drops them. Neither: counters and histograms do nothing, and nobody scrapes.`,
        tables: [
          { unit: 'deliveries/s', measured: rates, comparedWith: names[1] },
          { unit: 'ingest CPU µs/delivery', measured: cpu, comparedWith: names[1] },
        ],
      },
    ]
  },
}

/** The contestant, whose metrics are read as Prometheus does. */
function scraped(contestant: Contestant): Contestant {
  return {
    ...contestant,
    async start(servers) {
      const running = await contestant.start(servers)
      const scraping = setInterval(() => scrape(running.ingest.opsUrl!), scrapeIntervalMs)
      return {
        ...running,
        stop() {
          clearInterval(scraping)
          return running.stop()
        },
      }
    },
  }
}

/** A scrape that meets the stop measures nothing and breaks nothing. */
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
