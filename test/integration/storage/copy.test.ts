import { createWriter } from '@vss-pipeline/storage'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { copyInto } from '../../../packages/storage/src/copy.ts'
import { countLedgerByOutcome, readBody } from '../../support/accounting.ts'
import { connect } from '../../support/databases.ts'
import { callLeg, delivery, rejectedDelivery, session } from '../../support/entries.ts'
import { openPool, openStorage } from '../../support/open-storage.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'
import { lockDelivery, waitingBackends } from './locks.ts'

const columns = {
  uuid: { type: 'uuid', from: 'row' },
  text: { type: 'text', from: 'row' },
  integer: { type: 'integer', from: 'row' },
  double: { type: 'double precision', from: 'row' },
  real: { type: 'real', from: 'row' },
  boolean: { type: 'boolean', from: 'row' },
  time: { type: 'timestamptz', from: 'row' },
  bytea: { type: 'bytea', from: 'row' },
  inet: { type: 'inet', from: 'row' },
  jsonb: { type: 'jsonb', from: 'row' },
  release: { type: 'text', isOneForAll: true },
} as const

const withoutZero = fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\u0000', ''))
const rows = fc.array(
  fc.record({
    uuid: fc.option(fc.uuid()),
    text: fc.option(withoutZero),
    integer: fc.option(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
    double: fc.option(fc.double({ noNaN: true })),
    real: fc.option(fc.float({ noNaN: true })),
    boolean: fc.option(fc.boolean()),
    time: fc.option(fc.integer({ min: Date.UTC(1970, 0, 1), max: Date.UTC(9999, 11, 31) })),
    bytea: fc.option(fc.uint8Array({ maxLength: 100_000 })),
    inet: fc.option(fc.oneof(fc.ipV4(), fc.ipV6())),
    jsonb: fc.option(fc.array(fc.record({ code: withoutZero }))),
  }),
)

test('rows of every type reach Postgres as they were, nulls and emptiness included', async () => {
  const { url } = await openStorage()
  const client = await connect(url)
  const definitions = Object.entries(columns).map(([name, { type }]) => `${name} ${type}`)
  await client.query(`CREATE TEMP TABLE copied (place serial, ${definitions.join(', ')})`)
  const copy = copyInto('copied', columns)
  await fc.assert(
    fc.asyncProperty(rows, async (sent) => {
      await client.query('TRUNCATE copied RESTART IDENTITY')

      await copy.write(client, { row: sent }, { release: '1.2.3' })

      const { rows: stored } = await client.query(
        `SELECT uuid, text, integer, double::text, real::text, boolean,
           (extract(epoch FROM time) * 1000)::double precision AS time, bytea, inet = ($1::inet[])[place] AS inet,
           jsonb, release
         FROM copied ORDER BY place`,
        [sent.map(({ inet }) => inet)],
      )
      expect(
        stored.map((row) => ({
          ...row,
          double: row.double && Number(row.double),
          real: row.real && Math.fround(Number(row.real)),
          bytea: row.bytea && new Uint8Array(row.bytea),
        })),
      ).toEqual(
        sent.map(({ inet, bytea, ...row }) => ({
          ...row,
          bytea: bytea && new Uint8Array(bytea),
          inet: inet && true,
          release: '1.2.3',
        })),
      )
    }),
    { numRuns: 60 },
  )
})

test('the ledger has a sender’s address as Postgres itself would read it', async () => {
  const { pool, writer } = await openStorage()
  const addresses = [
    '::',
    '::1',
    'fe80::',
    '2001:db8::1',
    '1:2:3:4:5:6:7:8',
    '::ffff:18.140.80.2',
    '64:ff9b::192.0.2.33',
    '255.0.255.0',
  ]
  const receivedAtMs = Date.now()

  await writer.write(
    addresses.map((sourceIp, index) => rejectedDelivery({ sourceIp, receivedAtMs: receivedAtMs + index })),
  )

  const { rows } = await pool.query<{ source_ip: string }>(
    'SELECT source_ip FROM vss.deliveries ORDER BY received_at',
  )
  const { rows: expected } = await pool.query('SELECT unnest($1::inet[]) AS source_ip', [addresses])
  expect(rows).toEqual(expected)
})

test('a delivery that another writer records meanwhile is left out, and all others are written once', async () => {
  const { url, pool, writer } = await openStorage()
  const entries = Array.from({ length: 9 }, () => delivery(session()))
  const taken = entries[4]!
  const other = await lockDelivery(url, taken)

  const writing = writer.write(entries)
  await waitingBackends(other, 1)
  await other.query('COMMIT')

  const written = (await writing).map(({ deliveryId }) => deliveryId)
  const others = entries.filter((entry) => entry !== taken).map(({ deliveryId }) => deliveryId)
  expect(written.sort()).toEqual(others.sort())
  expect(await countLedgerByOutcome(pool)).toMatchObject({ stored: 9 })
  const { rows } = await pool.query('SELECT sum(deliveries)::integer AS counted FROM vss.minute_tallies')
  expect(rows).toEqual([{ counted: 8 }])
})

test('a body that is there without its ledger row stays, and its delivery is written', async () => {
  const { url, pool, writer } = await openStorage()
  const [first, second] = [delivery(session()), delivery(session())]
  await writer.write([first])
  await (await connect(url)).query('DELETE FROM vss.deliveries')

  const recorded = await writer.write([first, second])

  expect(recorded).toHaveLength(2)
  expect(await readBody(pool, first.deliveryId)).toEqual(first.body)
  expect(await readBody(pool, second.deliveryId)).toEqual(second.body)
})

test('a key that is there twice in one flush is a fault, and not tried without end', async () => {
  const { pool, writer } = await openStorage()

  const writing = writer.write([delivery(session({ legs: [callLeg('A'), callLeg('A')] }))])

  await expect(writing).rejects.toMatchObject({ code: 'database_fault', sqlState: '23505' })
  expect(await countLedgerByOutcome(pool)).toMatchObject({ stored: 0 })
})

test('a body of 9 MiB is kept byte for byte, and so are those beside it', async () => {
  const { pool, writer } = await openStorage()
  const large = rejectedDelivery({ body: Buffer.alloc(9 * 1024 * 1024, 'ab\u0000c') })
  const small = rejectedDelivery()

  await writer.write([small, large])
  const after = rejectedDelivery()
  await writer.write([after])

  for (const { deliveryId, body } of [large, small, after]) {
    expect((await readBody(pool, deliveryId))?.equals(body!)).toBe(true)
  }
})

test('a COPY that takes too long is database_fault, and its connection is used again', async () => {
  const { url, pool, writer } = await openStorage({ statementTimeoutMs: 500 })
  const entry = delivery(session())
  const blocker = await lockDelivery(url, entry)

  await expect(writer.write([entry])).rejects.toMatchObject({ code: 'database_fault', sqlState: '57014' })

  expect(pool.idleCount).toBe(1)
  await blocker.query('ROLLBACK')
  expect(await writer.write([entry])).toMatchObject([{ outcome: 'stored' }])
  expect(pool.totalCount).toBe(1)
})

test('a server that falls silent in a COPY is database_unavailable, and its connection is not used again', async () => {
  const { url } = await openStorage()
  const proxy = await openTcpProxy(url)
  const pool = openPool(proxy.url, { statementTimeoutMs: 100 })
  const writer = createWriter({ pool, pipelineVersion: '1.2.3' })
  const entry = delivery(session())
  const blocker = await lockDelivery(url, entry)

  const writing = expect(writer.write([entry])).rejects.toMatchObject({
    code: 'database_unavailable',
    message: 'the database cannot be reached: Query read timeout',
  })
  await waitingBackends(blocker, 1)
  proxy.swallow()
  await writing

  expect(pool.totalCount).toBe(0)
  proxy.heal()
  await blocker.query('ROLLBACK')
  expect(await writer.write([entry])).toMatchObject([{ outcome: 'stored' }])
})
