import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { generateEvents } from '@vss-pipeline/generator'
import { projectRoot, until } from '@vss-pipeline/local-stack'
import { reject } from '@vss-pipeline/pipeline'
import { displayCount } from '@vss-pipeline/runtime'
import { createPool, createWriter } from '@vss-pipeline/storage'
import type pg from 'pg'
import { makeDelivery } from '../../support/deliveries.ts'
import { bodiesOf, dayStart } from '../../support/ledger-partitions.ts'
import { ourPipeline, type Running } from '../contestant.ts'
import { cpuOf, rateOf } from '../figures.ts'
import { makeEvents } from '../load/events.ts'
import { postAll } from '../load/load-generator.ts'
import { type Measured, ratioOf } from '../measure.ts'
import { measurePair } from '../pair.ts'
import type { Rows } from '../rows.ts'
import type { Bench, CostTable, FigureTable, Scenario } from '../scenario.ts'
import type { BenchDatabase } from '../servers.ts'
import { acknowledge, drain, emptyTables, endToEnd, pauseWorkers, type Slice } from '../slices.ts'

/** A drain takes several seconds, so that its first one counts for little. */
const backlog = 80_000
/** Enough for the whole drain, also where the command does not rest. */
const rejects = 100_000
const turnsARound = 3
const daysOfAYear = 365
const pairsARound = 1
const turnsAPair = 5

/** The cost of reprocessing, and of a year of daily partitions, to the drain of a backlog. */
export const upkeep: Scenario = {
  name: 'upkeep',
  async run(bench) {
    return [
      {
        title: 'Reprocessing beside a drain',
        method: `One warm worker drains ${displayCount(backlog * bench.scale)} events, in turns alone and while \`vss reprocess\` brings back deliveries that were rejected. Its own rate is measured from the first row to the last.`,
        tables: await reprocessing(bench),
      },
      {
        title: 'A year of daily partitions',
        method: `Two pipelines drain in turns: in the database of one \`vss.bodies\` has the partitions of the last ${daysOfAYear} days as well. Ratios are those of neighbouring turns, with their interval at 95 % confidence.`,
        tables: await partitions(bench),
      },
    ]
  },
}

async function reprocessing({ servers, rounds, scale, onStep }: Bench): Promise<FigureTable[]> {
  const events = makeEvents(backlog * scale, 'upkeep')
  const { db } = servers
  const running = await ourPipeline({ rowsIn: freshRows }).start(servers)
  const alone: number[] = []
  const beside: number[] = []
  const own: number[] = []
  try {
    await endToEnd(servers, running, makeEvents(6_000, 'warm-up'))
    await keepRejects(servers, rejects * scale)
    for (let turn = 0; turn < rounds * turnsARound; turn++) {
      onStep(`reprocessing, turn ${turn + 1} of ${rounds * turnsARound}`)
      const isBesideFirst = turn % 2 === 1
      for (const isBeside of [isBesideFirst, !isBesideFirst]) {
        await plantRejects(db)
        pauseWorkers(running)
        await postAll(running.ingest.webhookUrl, events.bodies)
        await db.query('CHECKPOINT')
        const command = isBeside ? await startReprocess(servers) : undefined
        const slice = await drain(servers, running, events)
        await command?.end()
        ;(isBeside ? beside : alone).push(rateOf([slice]))
      }
      await plantRejects(db)
      own.push(await reprocessRate(servers))
    }
  } finally {
    await running.stop()
  }
  const measured: Measured[] = [
    { name: 'drain alone', samples: alone },
    { name: 'drain beside a reprocess', samples: beside },
  ]
  return [
    { unit: 'events/s', measured, comparedWith: 'drain alone' },
    { unit: 'deliveries/s', measured: [{ name: 'reprocess alone', samples: own }] },
  ]
}

/** Deliveries of the drain: those of the reprocess were received long before, and are written as well. */
function freshRows(database: BenchDatabase): Rows {
  return {
    database,
    table: `(SELECT xmin FROM vss.deliveries WHERE received_at >= now() - interval '30 minutes') AS fresh`,
    expected: ({ bodies }) => bodies.length,
  }
}

/** Makes deliveries that a release has rejected, and keeps them in tables of their own. */
async function keepRejects({ databaseUrl, db }: BenchDatabase, count: number): Promise<void> {
  await emptyRows(db)
  const pool = createPool({ databaseUrl, maxConnections: 1, applicationName: 'vss-bench' })
  const writer = createWriter({ pool, pipelineVersion: 'bad' })
  const entries = [...generateEvents({ seed: 'rejected', count })].map(({ body }) =>
    reject(makeDelivery(body, 7_200), [{ code: 'invalid_field', path: 'payload', message: 'a bad release' }]),
  )
  for (let first = 0; first < entries.length; first += 500)
    await writer.write(entries.slice(first, first + 500))
  await pool.end()
  await db.query(
    'CREATE TABLE kept_deliveries AS TABLE vss.deliveries; CREATE TABLE kept_bodies AS TABLE vss.bodies',
  )
}

async function plantRejects(db: pg.Client): Promise<void> {
  await emptyRows(db)
  await db.query('INSERT INTO vss.deliveries TABLE kept_deliveries; INSERT INTO vss.bodies TABLE kept_bodies')
  await db.query('VACUUM (ANALYZE) vss.deliveries, vss.bodies')
  await db.query('CHECKPOINT')
}

async function emptyRows(db: pg.Client): Promise<void> {
  await db.query('TRUNCATE vss.sessions, vss.call_legs, vss.deliveries, vss.bodies')
}

/** @returns the command, when its first page is done. */
async function startReprocess({ databaseUrl, db }: BenchDatabase): Promise<{ end(): Promise<void> }> {
  const child = spawnReprocess(databaseUrl)
  await until(
    'The first page',
    async () =>
      (await db.query(`SELECT FROM vss.deliveries WHERE history IS NOT NULL LIMIT 1`)).rowCount === 1,
    { timeoutMs: 60_000 },
  )
  return {
    async end() {
      if (child.exitCode !== null)
        throw new Error('the reprocess ended before the drain: it needs more rejects')
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

/** @returns deliveries a second. */
async function reprocessRate({ databaseUrl, db }: BenchDatabase): Promise<number> {
  const child = spawnReprocess(databaseUrl)
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`vss reprocess exited with code ${code}`)
  const { rows } = await db.query<{ rate: number }>(
    `SELECT (count(*) / extract(epoch FROM max(at) - min(at)))::float8 AS rate
     FROM (SELECT pg_xact_commit_timestamp(xmin) AS at FROM vss.deliveries) AS commits`,
  )
  return rows[0]!.rate
}

function spawnReprocess(databaseUrl: string): ChildProcess {
  const command = join(projectRoot, 'services/cli/src/main.ts')
  return spawn(process.execPath, [command, 'reprocess', '--outcome', 'rejected', '--yes'], {
    env: { ...process.env, DATABASE_URL: databaseUrl },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

async function partitions({ servers, rounds, scale, onStep }: Bench): Promise<(FigureTable | CostTable)[]> {
  const events = makeEvents(24_000 * scale, 'partitions')
  const year = await servers.createDatabase('year', projectRoot)
  for (let day = 1; day <= daysOfAYear; day++) {
    await year.db.query('SELECT vss.make_partition($1, $2, $3, $4)', [
      'bodies',
      bodiesOf(-day),
      dayStart(-day),
      dayStart(1 - day),
    ])
  }
  const week = 'a week'
  const slices: [Slice[], Slice[]] = [[], []]
  for (let pair = 0; pair < rounds * pairsARound; pair++) {
    onStep(`partitions, pair ${pair + 1} of ${rounds * pairsARound}`)
    await servers.reset()
    const [few, many] = await measurePair({
      servers,
      contestants: [ourPipeline(), ourPipeline({ database: year, settings: { QUEUE_PREFIX: '{vss-year}' } })],
      turns: turnsAPair,
      async warmUp(running: Running) {
        await emptyTables(servers, running)
        await endToEnd(servers, running, events)
      },
      async measure(running: Running) {
        await emptyTables(servers, running)
        await acknowledge(servers, running, events)
        return { drain: await drain(servers, running, events) }
      },
    })
    slices[0].push(...few.drain!)
    slices[1].push(...many.drain!)
  }
  const names = [week, `${daysOfAYear} days`]
  const rates = slices.map((some) => some.map((slice) => rateOf([slice])))
  const cpu = slices.map((some) => some.map((slice) => cpuOf([slice], ['worker', 'Postgres']).together!))
  return [
    {
      unit: 'events/s',
      measured: names.map((name, index) => ({ name, samples: rates[index]! })),
      comparedWith: week,
    },
    {
      unit: `${daysOfAYear} days for one of ${week}`,
      costs: [ratioRow('events/s', rates), ratioRow('CPU µs/event, worker and Postgres', cpu)],
    },
  ]
}

function ratioRow(name: string, [few, many]: number[][]): CostTable['costs'][number] {
  const { median, interval } = ratioOf(many!, few!)
  return { name, figures: { ratio: median, from: interval[0], to: interval[1] } }
}
