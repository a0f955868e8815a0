import { expect, test } from 'vitest'
import { createScrapedReading } from './scraped.ts'

test('gauges of one scrape share a reading, and the next scrape reads anew', async () => {
  let reads = 0
  const read = createScrapedReading(async () => ++reads)
  expect(await Promise.all([read(), read()])).toEqual([1, 1])
  expect(await read()).toBe(2)
})

test('a value that is kept is read again only when its time is over', async () => {
  let reads = 0
  const read = createScrapedReading(async () => ++reads, { keptForMs: 60_000 })
  expect([await read(), await read()]).toEqual([1, 1])
})

test('a reading that fails is undefined, and the next one is tried', async () => {
  let reads = 0
  const read = createScrapedReading(async () => {
    if (++reads === 1) throw new Error('away')
    return reads
  })
  expect([await read(), await read()]).toEqual([undefined, 2])
})

test('a scrape waits a second for a server that hangs', async () => {
  const read = createScrapedReading(() => new Promise<never>(() => {}))
  const startedAt = performance.now()
  expect(await read()).toBeUndefined()
  expect(performance.now() - startedAt).toBeLessThan(3_000)
})
