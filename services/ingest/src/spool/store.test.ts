import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { SpooledDelivery } from './rows.ts'
import { openSpoolStore, SpoolFullError, type SpoolStore } from './store.ts'

const maxBytes = 1024 * 1024
const limits = { maxCount: 500, maxBytes }
let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vss-spool-'))
  return () => rmSync(dir, { recursive: true })
})

function open(options: { maxBytes?: number } = {}): SpoolStore {
  const store = openSpoolStore({ dir, maxBytes, ...options })
  onTestFinished(() => {
    try {
      store.close()
    } catch {
      // Closed by the test.
    }
  })
  return store
}

/** @param names hexadecimal digits: the later in the alphabet, the later received. */
function deliveries(...names: string[]): SpooledDelivery[] {
  return names.map((name) => ({
    deliveryId: `0193000000${name}0-7000-8000-000000000000`.replace(/^(.{8})/, '$1-'),
    sourceIp: name === 'a' ? null : '203.0.113.9',
    body: new TextEncoder().encode(`body of ${name}`),
  }))
}

function receiptOf(name: string): number {
  return Number.parseInt(`0193000000${name}0`, 16)
}

/** The names of the deliveries. */
function idsOf(store: SpoolStore, from = limits): string[] | undefined {
  return store.oldest(from)?.deliveries.map(({ deliveryId }) => deliveryId[11]!)
}

test('gives back deliveries, oldest first, until they are removed', () => {
  const store = open()
  expect(store.oldest(limits)).toBeNull()
  store.append(deliveries('b', 'a'))
  store.append(deliveries('c'))

  const batch = store.oldest(limits)!
  expect(batch.deliveries).toEqual(deliveries('b', 'a', 'c'))
  expect(idsOf(store), 'as long as it is not removed').toEqual(['b', 'a', 'c'])
  store.append(deliveries('d'))
  store.remove(batch.through)
  expect(idsOf(store)).toEqual(['d'])
})

test('gives back the context of a delivery', () => {
  const store = open()
  const [delivery] = deliveries('a')
  const imported = { ...delivery!, context: { source: 'import' as const } }
  store.append([imported])
  expect(store.oldest(limits)?.deliveries).toEqual([imported])
})

test('gives back deliveries of the release before, whose file has no context and no version', () => {
  const file = join(dir, '1', 'spool.sqlite')
  mkdirSync(join(dir, '1'))
  const before = new DatabaseSync(file)
  before.exec(
    'CREATE TABLE deliveries (position INTEGER PRIMARY KEY AUTOINCREMENT, delivery_id TEXT NOT NULL, source_ip TEXT, body BLOB NOT NULL) STRICT',
  )
  const [a] = deliveries('a')
  before
    .prepare('INSERT INTO deliveries (delivery_id, source_ip, body) VALUES (?, ?, ?)')
    .run(a!.deliveryId, a!.sourceIp, a!.body)
  before.close()

  const store = open()
  store.append(deliveries('b'))
  expect(store.oldest(limits)?.deliveries).toEqual(deliveries('a', 'b'))
  store.close()
  expect(open().oldest(limits)?.deliveries, 'once more').toEqual(deliveries('a', 'b'))
})

test('leaves the file of a newer release alone, and says so', () => {
  mkdirSync(join(dir, '1'))
  const newer = new DatabaseSync(join(dir, '1', 'spool.sqlite'))
  newer.exec('CREATE TABLE deliveries (later TEXT) STRICT; PRAGMA user_version = 99')
  newer.close()

  const store = open()
  store.append(deliveries('a'))
  expect(idsOf(store)).toEqual(['a'])
  expect(() => store.adopt(limits)).toThrow(/newer release wrote it \(schema 99\): start that release/)
})

test('gives no more than the limits, but at least one', () => {
  const store = open()
  store.append(deliveries('a', 'b', 'c'))
  expect(idsOf(store, { maxCount: 2, maxBytes })).toEqual(['a', 'b'])
  expect(idsOf(store, { maxCount: 500, maxBytes: 20 })).toEqual(['a', 'b'])
  expect(idsOf(store, { maxCount: 500, maxBytes: 1 })).toEqual(['a'])
})

test('outlives its process', () => {
  const before = open()
  before.append(deliveries('a', 'b'))
  const { content } = before
  before.close()
  const after = open()
  expect(after.content).toEqual(content)
  expect(after.oldest(limits)?.deliveries).toEqual(deliveries('a', 'b'))
})

test('takes no more than its limit, and all of a group or none', () => {
  const store = open({ maxBytes: 400 })
  store.append(deliveries('a', 'b'))
  expect(() => store.append(deliveries('c', 'd'))).toThrow(SpoolFullError)
  expect(() => store.append(deliveries('c', 'd'))).toThrow('SPOOL_MAX_BYTES is 400')
  expect(idsOf(store)).toEqual(['a', 'b'])

  store.remove(store.oldest(limits)!.through)
  expect(store.content).toEqual({ deliveries: 0, bytes: 0, oldestMs: null })
  store.append(deliveries('c', 'd'))
  expect(idsOf(store)).toEqual(['c', 'd'])
})

test('belongs to one instance alone', () => {
  const one = open()
  const other = open()
  one.append(deliveries('a'))
  other.append(deliveries('b'))
  expect(idsOf(one)).toEqual(['a'])
  expect(idsOf(other)).toEqual(['b'])
  expect(one.adopt(limits), 'from an instance that runs').toEqual({ deliveries: 0, emptyFolders: [] })
})

test('takes over the deliveries of an instance that is gone, a page at a time', () => {
  const own = open()
  const gone = open()
  own.append(deliveries('a'))
  gone.append(deliveries('b', 'c', 'd'))
  gone.close()

  const page = { maxCount: 2, maxBytes }
  expect([own.adopt(page), own.adopt(page), own.adopt(page)]).toEqual([
    { deliveries: 2, emptyFolders: [] },
    { deliveries: 1, emptyFolders: [] },
    { deliveries: 0, emptyFolders: [gone.folder] },
  ])
  expect(existsSync(join(dir, '1', 'reserve')), 'where there is a delivery to give back').toBe(true)
  expect(existsSync(join(dir, '2', 'reserve')), 'where there is none').toBe(false)
  expect(idsOf(own)).toEqual(['a', 'b', 'c', 'd'])
  expect(own.content).toMatchObject({ deliveries: 4 })
  expect(idsOf(open()), 'of the next instance').toBeUndefined()
})

test('leaves deliveries that it has no room for in the folder of the instance that is gone', () => {
  const own = open({ maxBytes: 300 })
  const gone = open()
  gone.append(deliveries('b', 'c', 'd'))
  gone.close()
  expect(() => own.adopt(limits)).toThrow('SPOOL_MAX_BYTES is 300')
  expect(() => own.adopt(limits)).toThrow(expect.objectContaining({ cause: expect.any(SpoolFullError) }))
  expect(own.oldest(limits)).toBeNull()
  expect(idsOf(open())).toEqual(['b', 'c', 'd'])
})

test('skips a damaged folder, and reports it once it has taken over the others', () => {
  mkdirSync(join(dir, '1'))
  writeFileSync(join(dir, '1', 'spool.sqlite'), 'no database at all'.repeat(1_000))
  const own = open()
  const gone = open()
  gone.append(deliveries('a'))
  gone.close()

  expect(own.adopt(limits).deliveries).toBe(1)
  expect(() => own.adopt(limits)).toThrow(`${join(dir, '1')}: file is not a database`)
  expect(idsOf(own)).toEqual(['a'])
})

test('leaves nothing of a body on the disk after its removal', () => {
  const store = open()
  const onDisk = () =>
    readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .map((name) => join(dir, name))
      .filter((path) => statSync(path).isFile())
      .map((path) => readFileSync(path, 'latin1'))
      .join('')
  store.append(deliveries('a', 'b'))
  expect(onDisk()).toContain('body of a')
  store.remove(store.oldest(limits)!.through)
  expect(onDisk()).not.toContain('body of')
})

describe('the oldest receipt', () => {
  test('is that of the oldest delivery since the spool was empty, and comes back at the next opening', () => {
    const store = open()
    store.append(deliveries('c', 'b'))
    expect(store.content.oldestMs).toBe(receiptOf('b'))
    store.remove(store.oldest({ maxCount: 1, maxBytes })!.through)
    expect(store.content.oldestMs).toBe(receiptOf('b'))
    store.close()
    const next = open()
    expect(next.content.oldestMs).toBe(receiptOf('b'))
    next.remove(next.oldest(limits)!.through)
    expect(next.content.oldestMs).toBeNull()
  })

  test('is that of deliveries that were taken over, when they are older', () => {
    const own = open()
    const gone = open()
    own.append(deliveries('c'))
    gone.append(deliveries('a'))
    gone.close()
    own.adopt(limits)
    expect(own.content.oldestMs).toBe(receiptOf('a'))
  })
})

test('the folder keeps its id, and the note that it is known', () => {
  const store = open()
  expect(store.folder).toEqual({ id: expect.stringMatching(/^[0-9a-f]{32}$/), isKnown: false })
  expect(open().folder.id).not.toBe(store.folder.id)
  store.markKnown()
  store.append(deliveries('a'))
  store.close()
  const next = open()
  expect(next.folder).toEqual({ id: store.folder.id, isKnown: true })

  // An empty spool that is closed is followed by a goodbye.
  next.remove(next.oldest(limits)!.through)
  next.close()
  expect(open().folder).toEqual({ id: store.folder.id, isKnown: false })
})

test('an empty folder of an instance that is gone is not known any more, because its mark will be retired', () => {
  const own = open()
  const gone = open()
  gone.markKnown()
  gone.append(deliveries('a'))
  gone.close()
  own.adopt(limits)
  expect(own.adopt(limits).emptyFolders).toEqual([{ id: gone.folder.id, isKnown: true }])
  expect(own.adopt(limits).emptyFolders).toEqual([{ id: gone.folder.id, isKnown: false }])
})
