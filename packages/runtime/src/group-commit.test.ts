import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CommitTimeoutError, createGroupCommit, type Linger } from './group-commit.ts'

interface Item {
  name: string
  count: number
  bytes: number
}

/** A group commit whose commits wait until the test ends them. */
function createHeldCommit(
  limits: {
    maxCount?: number
    maxBytes?: number
    maxInFlight?: number
    minCountBeside?: number
    linger?: () => Linger | undefined
  } = {},
) {
  const groups: string[][] = []
  const held: { succeed: () => void; fail: (error: Error) => void }[] = []
  const commits = createGroupCommit<Item>({
    commit(items) {
      groups.push(items.map(({ name }) => name))
      return new Promise<void>((resolve, reject) => held.push({ succeed: resolve, fail: reject }))
    },
    sizeOf: ({ count, bytes }) => ({ count, bytes }),
    maxCount: 500,
    maxBytes: 1_000,
    maxInFlight: 1,
    minCountBeside: 1,
    ...limits,
  })
  function submit(name: string, size: { count?: number; bytes?: number } = {}, timeoutMs?: number) {
    return commits.submit({ name, count: 1, bytes: 1, ...size }, timeoutMs)
  }
  /** Ends the commit that began as the n-th, and lets the next ones start. */
  async function end(index: number, error?: Error): Promise<void> {
    const commit = held[index]
    if (commit === undefined) throw new Error(`no commit ${index} has begun`)
    if (error) commit.fail(error)
    else commit.succeed()
    await turn()
  }
  return { submit, end, groups }
}

/** Resolves when all work that is due in this turn of the event loop has run. */
async function turn(): Promise<void> {
  await new Promise(setImmediate)
  await new Promise(setImmediate)
}

test('a lone item is committed in the same turn of the event loop, in a group of one', async () => {
  const { submit, end, groups } = createHeldCommit()
  const a = submit('a')
  await turn()
  expect(groups).toEqual([['a']])
  await end(0)
  await a
  const b = submit('b')
  await turn()
  expect(groups).toEqual([['a'], ['b']])
  await end(1)
  await b
})

test('items of one turn share a commit', async () => {
  const { submit, end, groups } = createHeldCommit()
  const all = Promise.all([submit('a'), submit('b')])
  await turn()
  expect(groups).toEqual([['a', 'b']])
  await end(0)
  await all
})

test('items that arrive during a commit share the next one, in order', async () => {
  const { submit, end, groups } = createHeldCommit()
  const a = submit('a')
  await turn()
  const others = []
  for (const name of ['b', 'c', 'd']) {
    others.push(submit(name))
    await turn()
  }
  expect(groups).toEqual([['a']])
  await end(0)
  await a
  expect(groups).toEqual([['a'], ['b', 'c', 'd']])
  await end(1)
  await Promise.all(others)
})

test('an item resolves only when its own commit has ended', async () => {
  const { submit, end } = createHeldCommit()
  const settled: string[] = []
  const a = submit('a').then(() => settled.push('a'))
  await turn()
  const b = submit('b').then(() => settled.push('b'))
  await turn()
  expect(settled).toEqual([])
  await end(0)
  expect(settled).toEqual(['a'])
  await end(1)
  expect(settled).toEqual(['a', 'b'])
  await Promise.all([a, b])
})

describe('a group is cut', () => {
  test('at the count', async () => {
    const { submit, end, groups } = createHeldCommit({ maxCount: 2 })
    const all = Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => submit(name)))
    await turn()
    for (const index of [0, 1, 2]) await end(index)
    await all
    expect(groups).toEqual([['a', 'b'], ['c', 'd'], ['e']])
  })

  test('at the bytes', async () => {
    const { submit, end, groups } = createHeldCommit({ maxBytes: 10 })
    const all = Promise.all([
      submit('a', { bytes: 5 }),
      submit('b', { bytes: 5 }),
      submit('c', { bytes: 6 }),
      submit('d', { bytes: 5 }),
    ])
    await turn()
    for (const index of [0, 1, 2]) await end(index)
    await all
    expect(groups).toEqual([['a', 'b'], ['c'], ['d']])
  })

  test('around an item over a limit, which goes alone', async () => {
    const { submit, end, groups } = createHeldCommit({ maxBytes: 10, maxCount: 10 })
    const all = Promise.all([
      submit('a'),
      submit('wide', { bytes: 11 }),
      submit('many', { count: 11 }),
      submit('b'),
      submit('c'),
    ])
    await turn()
    for (const index of [0, 1, 2, 3]) await end(index)
    await all
    expect(groups).toEqual([['a'], ['wide'], ['many'], ['b', 'c']])
  })

  test('and no item is lost, repeated or reordered, nor a group over a limit, in any order of events', async () => {
    const sizes = fc.array(fc.record({ count: fc.nat(6), bytes: fc.nat(12), later: fc.boolean() }), {
      maxLength: 40,
    })
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 3 }), async (sizes, maxInFlight) => {
        const groups: { index: number; count: number; bytes: number }[][] = []
        let [inFlight, mostInFlight] = [0, 0]
        const commits = createGroupCommit<{ index: number; count: number; bytes: number }>({
          async commit(items) {
            mostInFlight = Math.max(mostInFlight, ++inFlight)
            groups.push(items)
            await new Promise(setImmediate)
            inFlight--
          },
          sizeOf: (item) => item,
          maxCount: 5,
          maxBytes: 10,
          maxInFlight,
          minCountBeside: 1,
        })
        const submitted = []
        for (const [index, { count, bytes, later }] of sizes.entries()) {
          if (later) await new Promise(setImmediate)
          submitted.push(commits.submit({ index, count, bytes }))
        }
        await Promise.all(submitted)
        expect(mostInFlight).toBeLessThanOrEqual(maxInFlight)
        expect(groups.flat().map(({ index }) => index)).toEqual(sizes.map((_, index) => index))
        for (const group of groups.filter(({ length }) => length !== 1)) {
          expect(group.length).toBeGreaterThan(0)
          expect(group.reduce((sum, { count }) => sum + count, 0)).toBeLessThanOrEqual(5)
          expect(group.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(10)
        }
      }),
    )
  })
})

test('a failed commit rejects the items of its own group with its error, and no others', async () => {
  const { submit, end, groups } = createHeldCommit({ maxCount: 2 })
  const settled = Promise.allSettled(['a', 'b', 'c'].map((name) => submit(name)))
  const failure = new Error('out of memory')
  await turn()
  await end(0, failure)
  await end(1)
  expect(groups).toEqual([['a', 'b'], ['c']])
  expect(await settled).toEqual([
    { status: 'rejected', reason: failure },
    { status: 'rejected', reason: failure },
    { status: 'fulfilled', value: undefined },
  ])
})

test('a commit that throws before it returns a promise rejects its group and stops nothing', async () => {
  let calls = 0
  const commits = createGroupCommit<string>({
    commit(items) {
      calls++
      if (items.includes('bad')) throw new Error('at once')
      return Promise.resolve()
    },
    sizeOf: () => ({ count: 1, bytes: 1 }),
    maxCount: 1,
    maxBytes: 10,
    maxInFlight: 1,
    minCountBeside: 1,
  })
  const bad = commits.submit('bad')
  const good = commits.submit('good')
  await expect(bad).rejects.toThrow('at once')
  await good
  expect(calls).toBe(2)
})

describe('a timeout', () => {
  test('while waiting rejects the item, and it is never committed', async () => {
    const { submit, end, groups } = createHeldCommit()
    const a = submit('a')
    await turn()
    const late = submit('late', {}, 10)
    const b = submit('b')
    await expect(late).rejects.toBeInstanceOf(CommitTimeoutError)
    await expect(late).rejects.toMatchObject({
      code: 'commit_timeout',
      message: 'not committed within 10 ms',
    })
    await end(0)
    await end(1)
    await Promise.all([a, b])
    expect(groups).toEqual([['a'], ['b']])
  })

  test('of all items that wait leaves nothing to commit', async () => {
    const { submit, end, groups } = createHeldCommit()
    const a = submit('a')
    await turn()
    await expect(submit('late', {}, 5)).rejects.toBeInstanceOf(CommitTimeoutError)
    await end(0)
    await a
    await turn()
    expect(groups).toEqual([['a']])
  })

  test('in flight rejects the item at once, and the commit still settles the others', async () => {
    const { submit, end, groups } = createHeldCommit()
    const late = submit('late', {}, 10)
    const patient = submit('patient')
    await expect(late).rejects.toBeInstanceOf(CommitTimeoutError)
    await end(0)
    await patient
    expect(groups).toEqual([['late', 'patient']])
  })

  test('that does not pass changes nothing', async () => {
    const { submit, end } = createHeldCommit()
    const item = submit('a', {}, 60_000)
    await turn()
    await end(0)
    await expect(item).resolves.toBeUndefined()
  })
})

test('two commits may run at once, and no third', async () => {
  const { submit, end, groups } = createHeldCommit({ maxInFlight: 2 })
  const items = [submit('a')]
  await turn()
  items.push(submit('b'))
  await turn()
  items.push(submit('c'), submit('d'))
  await turn()
  expect(groups).toEqual([['a'], ['b']])
  await end(1)
  expect(groups).toEqual([['a'], ['b'], ['c', 'd']])
  await end(0)
  await end(2)
  await Promise.all(items)
})

test('a group below the least count waits until it has grown or no other commit runs', async () => {
  const { submit, end, groups } = createHeldCommit({ maxInFlight: 2, minCountBeside: 3 })
  const items = [submit('a')]
  await turn()
  items.push(submit('b'), submit('c'))
  await turn()
  expect(groups).toEqual([['a']])
  items.push(submit('d'))
  await turn()
  expect(groups).toEqual([['a'], ['b', 'c', 'd']])
  items.push(submit('e'))
  await end(0)
  expect(groups).toEqual([['a'], ['b', 'c', 'd']])
  await end(1)
  expect(groups).toEqual([['a'], ['b', 'c', 'd'], ['e']])
  await end(2)
  await Promise.all(items)
})

test('a group that reaches the limit of bytes is large enough', async () => {
  const { submit, end, groups } = createHeldCommit({ maxInFlight: 2, minCountBeside: 3, maxBytes: 10 })
  const items = [submit('a')]
  await turn()
  items.push(submit('b', { bytes: 10 }))
  await turn()
  expect(groups).toEqual([['a'], ['b']])
  await end(0)
  await end(1)
  await Promise.all(items)
})

describe('with a linger', () => {
  const linger: Linger = { pauseMs: 20, mostMs: 50 }
  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
  afterEach(() => vi.useRealTimers())

  async function advance(ms: number): Promise<void> {
    vi.advanceTimersByTime(ms)
    await turn()
  }

  test('a small group waits while items keep coming, also after another commit', async () => {
    const { submit, end, groups } = createHeldCommit({ minCountBeside: 5, linger: () => linger })
    const items = [submit('a')]
    await advance(19)
    items.push(submit('b'))
    await advance(19)
    expect(groups).toEqual([])
    await advance(1)
    expect(groups).toEqual([['a', 'b']])
    items.push(submit('c'))
    await end(0)
    expect(groups).toEqual([['a', 'b']])
    await advance(20)
    expect(groups).toEqual([['a', 'b'], ['c']])
    await end(1)
    await Promise.all(items)
  })

  test('a small group waits for so long at most, from its first item on', async () => {
    const { submit, end, groups } = createHeldCommit({ minCountBeside: 5, linger: () => linger })
    const items = []
    for (const name of ['a', 'b', 'c', 'd']) {
      items.push(submit(name))
      await advance(name === 'd' ? 4 : 15)
    }
    expect(groups).toEqual([])
    await advance(1)
    expect(groups).toEqual([['a', 'b', 'c', 'd']])
    await end(0)
    await Promise.all(items)
  })

  test('a group that is large enough does not wait', async () => {
    const { submit, end, groups } = createHeldCommit({ minCountBeside: 3, linger: () => linger })
    const items = [submit('a'), submit('b')]
    await turn()
    expect(groups).toEqual([])
    items.push(submit('c'))
    await turn()
    expect(groups).toEqual([['a', 'b', 'c']])
    await end(0)
    await Promise.all(items)
  })

  test('a group does not wait while there is none', async () => {
    let current: Linger | undefined
    const { submit, end, groups } = createHeldCommit({ minCountBeside: 3, linger: () => current })
    const a = submit('a')
    await turn()
    expect(groups).toEqual([['a']])
    await end(0)
    current = linger
    const b = submit('b')
    await turn()
    expect(groups).toEqual([['a']])
    await advance(20)
    expect(groups).toEqual([['a'], ['b']])
    await end(1)
    await Promise.all([a, b])
  })
})
