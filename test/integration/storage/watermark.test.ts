import {
  advanceWatermark,
  forgetIngest,
  type KnownIngest,
  type Pool,
  readWatermark,
} from '@vss-pipeline/storage'
import { beforeEach, expect, test } from 'vitest'
import { openStorage } from '../../support/open-storage.ts'

const now = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

let pool: Pool

beforeEach(async () => {
  ;({ pool } = await openStorage())
})

function ingest(id: string, more: Partial<KnownIngest> = {}): KnownIngest {
  return { id, place: 'host:/spool', hasSpool: true, untilMs: now, toldAtMs: now + 1, ...more }
}

async function advance(step: Partial<Parameters<typeof advanceWatermark>[1]>): Promise<boolean> {
  const { version } = await readWatermark(pool)
  return await advanceWatermark(pool, {
    version,
    completeUntilMs: null,
    reason: 'test',
    told: [],
    gone: [],
    ...step,
  })
}

test('nothing is known at first, and a look is due', async () => {
  expect(await readWatermark(pool)).toMatchObject({
    completeUntilMs: null,
    reason: 'no worker has looked yet',
    isDue: true,
    ingests: [],
  })
})

test('it goes forward, never back, and stays where a look has found nothing', async () => {
  await advance({ completeUntilMs: now, reason: 'nothing waits' })
  expect(await readWatermark(pool)).toMatchObject({
    completeUntilMs: now,
    reason: 'nothing waits',
    isDue: false,
  })
  await advance({ completeUntilMs: now - 60_000, reason: 'deliveries wait in the queue' })
  await advance({ completeUntilMs: null, reason: 'Redis is away' })
  expect(await readWatermark(pool)).toMatchObject({ completeUntilMs: now, reason: 'Redis is away' })
})

test('it remembers the last word of each ingest, until that has nothing any more', async () => {
  await advance({ told: [ingest('one'), ingest('two', { hasSpool: false })] })
  await advance({ told: [ingest('one', { untilMs: now + 7, toldAtMs: now + 8 })] })
  expect((await readWatermark(pool)).ingests).toEqual([
    ingest('one', { untilMs: now + 7, toldAtMs: now + 8 }),
    ingest('two', { hasSpool: false }),
  ])
  await advance({ gone: ['one', 'unknown'] })
  expect((await readWatermark(pool)).ingests).toEqual([ingest('two', { hasSpool: false })])
  expect(await forgetIngest(pool, 'two')).toBe(true)
  expect(await forgetIngest(pool, 'two')).toBe(false)
})

test('a worker whose look began before that of another changes nothing', async () => {
  await advance({ told: [ingest('gone')] })
  const { version } = await readWatermark(pool)
  await advance({ completeUntilMs: now, gone: ['gone'] })
  const late = { version, completeUntilMs: now + 1, reason: 'late', told: [ingest('gone')], gone: [] }
  expect(await advanceWatermark(pool, late)).toBe(false)
  expect(await readWatermark(pool)).toMatchObject({ completeUntilMs: now, reason: 'test', ingests: [] })
})

test('of many workers that look at once, one advances it', async () => {
  const { version } = await readWatermark(pool)
  const looks = Array.from({ length: 8 }, (_, worker) =>
    advanceWatermark(pool, {
      version,
      completeUntilMs: now + worker,
      reason: `worker ${worker}`,
      told: [ingest('one')],
      gone: [],
    }),
  )
  const results = await Promise.all(looks)
  expect(results.filter((isOurs) => isOurs)).toHaveLength(1)
  expect((await readWatermark(pool)).reason).toBe(`worker ${results.indexOf(true)}`)
})
