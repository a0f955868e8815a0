import { setTimeout as pause } from 'node:timers/promises'
import { createRandom, generateEvents } from '@vss-pipeline/generator'
import { expect, test } from 'vitest'
import {
  cutWorkerConnections,
  expectKept,
  type FaultyPipeline,
  startFaultyPipeline,
} from '../support/faulty-pipeline.ts'
import { killProcess } from '../support/faulty-server.ts'
import { postUntilAcknowledged } from '../support/load.ts'

const count = Number(process.env.SOAK_EVENTS ?? 200_000)
const seed = process.env.SOAK_SEED ?? String(Date.now())

/** Each fault breaks something, waits for `ms`, and repairs it. */
const faults: Record<string, (pipeline: FaultyPipeline, ms: number) => Promise<void>> = {
  async 'Redis killed'({ redis }, ms) {
    await redis.kill()
    await pause(ms)
    await redis.start()
  },
  async 'Redis frozen'({ redis }, ms) {
    redis.freeze()
    await pause(ms)
    redis.thaw()
  },
  async 'Postgres killed'({ postgres }, ms) {
    await postgres.kill()
    await pause(ms)
    await postgres.start()
  },
  async 'backends terminated'({ pool }) {
    await cutWorkerConnections(pool)
  },
  async 'worker killed'({ workers, startWorker }, ms) {
    const victim = workers.shift()!
    await killProcess(victim)
    await pause(ms)
    workers.push(await startWorker())
  },
  async 'worker restarted'({ workers, startWorker }) {
    const [next] = await Promise.all([startWorker(), workers.shift()!.stop()])
    workers.push(next)
  },
  async 'ingest killed'(pipeline, ms) {
    await killProcess(pipeline.ingest)
    await pause(ms)
    pipeline.ingest = await pipeline.startIngest()
  },
  async 'Redis reset'({ network }) {
    network.redis.reset()
  },
  async 'Redis black hole'({ network }, ms) {
    network.redis.swallow()
    await pause(ms)
    network.redis.heal()
  },
  async 'Postgres black hole'({ network }, ms) {
    network.postgres.swallow()
    await pause(ms)
    network.postgres.heal()
  },
  async 'slow network'({ network }, ms) {
    network.redis.delay(50)
    network.postgres.delay(50)
    await pause(ms)
    network.redis.heal()
    network.postgres.heal()
  },
}

test(`${count} events, while one thing after another fails`, { timeout: 3_600_000 }, async () => {
  console.log(`To repeat this soak: npm run test:faults -- soak --events ${count} --seed ${seed}`)
  const pipeline = await startFaultyPipeline({ workers: 2 })
  const random = createRandom(seed)
  const events = generateEvents({ seed, count, dirtyShare: 0.05 })
  let isOver = false
  const load = postUntilAcknowledged(pipeline.webhookUrl, events, { connections: 16 }).finally(() => {
    isOver = true
  })

  const happened: Record<string, number> = {}
  while (!isOver) {
    await pause(random.int(500, 2_000))
    const name = random.pick(Object.keys(faults))
    happened[name] = (happened[name] ?? 0) + 1
    await faults[name]!(pipeline, random.int(200, 3_000))
  }
  const healedAt = performance.now()
  const { acknowledged, answers } = await load
  expect(acknowledged).toHaveLength(count)
  await expectKept(pipeline, acknowledged, { withinMs: 120_000 })
  console.log(
    `soak: ${count} acknowledged, 0 lost, 0 doubled, all in the ledger ${Math.round(performance.now() - healedAt)} ms after the end; faults ${JSON.stringify(happened)}; answers ${JSON.stringify(Object.fromEntries(answers))}`,
  )
})
