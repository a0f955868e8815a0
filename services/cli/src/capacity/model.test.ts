import { describe, expect, it } from 'vitest'
import { pagesChanged } from './bytes.ts'
import { batchOf, flushOf, ingestCores, workerCores } from './cores.ts'
import { type Demand, fewest, peakRate } from './demand.ts'
import { fullCoreShare, pageBytes } from './figures.ts'
import type { Machines } from './limits.ts'
import { connectionsOf, type Given, planCapacity } from './model.ts'

const gibibyte = 2 ** 30
const machines: Machines = {
  redis: { memoryBytes: 32 * gibibyte },
  postgres: {
    cores: 32,
    memoryBytes: 256 * gibibyte,
    diskBytes: 16_384 * gibibyte,
    diskOperationsPerSecond: 16_000,
    logBytesPerSecond: 250e6,
  },
}

function demandOf(eventsPerDay: number): Demand {
  return {
    eventsPerDay,
    peak: 4,
    retentionDays: { bodies: 30, ledger: 30, sessions: 30 },
    outageSeconds: 3_600,
  }
}

const plan = (eventsPerDay: number, given: Given = {}) =>
  planCapacity(demandOf(eventsPerDay), machines, given)

describe('the plan', () => {
  it('has two ingests and two workers for little, because one may die', () => {
    const { pipelines, each, tooFew, limits } = plan(10_000)
    expect({ pipelines, tooFew }).toEqual({ pipelines: 1, tooFew: [] })
    expect([each.ingest.count, each.worker.count, each.redis.count]).toEqual([2, 2, 1])
    expect(limits.map(({ needed }) => needed)).toEqual(limits.map(() => 1))
  })

  it('names the limits in the order in which they come', () => {
    const { limits } = plan(1e9)
    const holds = limits.map(({ oneHoldsPerDay }) => oneHoldsPerDay)
    expect(holds).toEqual(holds.toSorted((one, other) => one - other))
    expect(limits.map(({ part, resource }) => `${part} ${resource}`).toSorted()).toEqual([
      'ingest CPU',
      'postgres CPU',
      'postgres disk',
      'postgres disk operations',
      'postgres log (WAL)',
      'redis CPU',
      'redis memory',
      'worker CPU',
    ])
  })

  it.each([1e4, 1e6, 3e7, 1e8, 1e9, 1e12])('is enough for itself, at %d events a day', (eventsPerDay) => {
    const { pipelines, each } = plan(eventsPerDay)
    const again = plan(eventsPerDay, {
      pipelines,
      ingests: each.ingest.count,
      workers: each.worker.count,
      primaries: each.redis.count,
    })
    expect(again.tooFew).toEqual([])
    expect(again.each).toEqual(each)
  })

  it('one of a part holds what it says, and a tenth more needs two', () => {
    for (const { part, resource, oneHoldsPerDay } of plan(1e9).limits) {
      const neededFor = (events: number) =>
        plan(events).limits.find((one) => one.part === part && one.resource === resource)!.needed
      expect(
        [neededFor(oneHoldsPerDay * 0.99), neededFor(oneHoldsPerDay * 1.1)],
        `${part} ${resource}`,
      ).toEqual([1, 2])
    }
  })

  it('says what is too little of the given', () => {
    const { tooFew } = plan(4e8, { pipelines: 1, ingests: 1, workers: 1, primaries: 1 })
    expect(tooFew.map(({ part }) => part)).toEqual(expect.arrayContaining(['ingest', 'worker', 'postgres']))
    expect(tooFew.map(({ part, resource }) => `${part} ${resource}`)).not.toContain('postgres CPU')
  })

  it('grows in proportion, in all that is kept', () => {
    const [small, large] = [plan(1e6).each, plan(1e7).each]
    const ofBodies = large.postgres.diskBytes.bodies / small.postgres.diskBytes.bodies
    expect([ofBodies, large.redis.memoryBytes / small.redis.memoryBytes]).toEqual([
      expect.closeTo(10),
      expect.closeTo(10),
    ])
  })

  it('needs fewer pipelines with daily partitions, because fewer pages change', () => {
    const { pipelines, each, ifDaily } = plan(1e9)
    expect(ifDaily.pipelines).toBeLessThan(pipelines)
    expect(ifDaily.logBytesPerEvent).toBeLessThan(each.postgres.logBytesPerEvent)
  })
})

describe('the costs', () => {
  it('go by batches, which are larger when more comes', () => {
    expect([1, 500, 1_000, 16_000, 30_000, 10_000_000].map((rate) => batchOf(rate))).toEqual([
      1, 1, 2, 32, 32, 500,
    ])
    expect([1, 100, 2_000, 1_000_000].map((rate) => flushOf(rate))).toEqual([1, 1, 20, 300])
  })

  it('never fall when more comes, and each process more takes its part', () => {
    const rates = [1e3, 1e5, 1e7, 1e8, 1e9].map(demandOf)
    for (const cores of [ingestCores, workerCores]) {
      const values = rates.map((demand) => cores({ ...demand, ingests: 4, workers: 8 }))
      expect(values).toEqual(values.toSorted((one, other) => one - other))
    }
    const busy = demandOf(1e9)
    expect(ingestCores({ ...busy, ingests: 6 })).toBeGreaterThan(ingestCores({ ...busy, ingests: 3 }))
    expect(ingestCores({ ...busy, ingests: 3 })).toBeLessThanOrEqual(3 * fullCoreShare)
    expect(peakRate(busy)).toBeCloseTo(46_296, 0)
  })

  it('count a page once for all events that change it between two checkpoints', () => {
    const indexBytes = 1_000 * pageBytes
    const pages = (events: number) => pagesChanged({ events, indexBytes, scatteredPages: 1 }) * events
    expect(pages(1)).toBeCloseTo(1, 2)
    expect(pages(1_000)).toBeCloseTo(632, 0)
    expect(pages(1e6)).toBeCloseTo(1_000, 5)
    expect(pagesChanged({ events: 10, indexBytes: 0, scatteredPages: 1 })).toBe(0)
  })

  it('find the fewest that are enough', () => {
    for (const wanted of [1, 2, 3, 7, 8, 1_000]) expect(fewest((count) => count >= wanted)).toBe(wanted)
  })
})

it('a worker has a connection more for each shard, and in a cluster one to each node', () => {
  const one = { ingest: 2, worker: 2, redis: 1, queueShards: 1 }
  expect(connectionsOf(one)).toEqual({ redis: 2 + 2 * 2 + 1, postgres: 2 * 4 + 8 })
  expect(connectionsOf({ ...one, queueShards: 6 }).redis).toBe(2 + 2 * 7 + 1)
  expect(connectionsOf({ ...one, redis: 3, queueShards: 6 }).redis).toBe((2 + 1) * 3 + 2 * 7 * 6)
})
