import { countByOutcome } from '@vss-pipeline/reader'
import { addUpMinutes, insertTallies, inTransaction, type Pool, pruneMinutes } from '@vss-pipeline/storage'
import type { LedgerEntry } from '@vss-pipeline/vss'
import { describe, expect, test } from 'vitest'
import { countLedger, findMiscounts } from '../../support/accounting.ts'
import { delivery, rejectedDelivery, session } from '../../support/entries.ts'
import { openPool, openStorage, type Storage } from '../../support/open-storage.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const now = Math.floor(Date.now() / minuteMs) * minuteMs
const noonMs = Date.UTC(2025, 2, 5, 12)

describe('vss.minutes', () => {
  test('counts deliveries by the minute of their receipt, sub-account and outcome', async () => {
    const { pool, writer } = await openStorage()
    const first = session({ subAccountId: 'sales' })
    const entries = [
      delivery(first, { receivedAtMs: noonMs }),
      delivery(session({ subAccountId: 'sales' }), { receivedAtMs: noonMs + minuteMs - 1 }),
      delivery(session({ subAccountId: 'support' }), { receivedAtMs: noonMs + minuteMs }),
      rejectedDelivery({ receivedAtMs: noonMs }),
    ]
    await writer.write(entries)
    await writer.write([delivery(first, { receivedAtMs: noonMs + 1 })])

    const counts = [
      ['12:00', '', 'rejected', 1],
      ['12:00', 'sales', 'duplicate', 1],
      ['12:00', 'sales', 'stored', 2],
      ['12:01', 'support', 'stored', 1],
    ]
    expect(await readMinutes(pool)).toEqual(counts)
    await addUpMinutes(pool)
    expect(await readMinutes(pool)).toEqual(counts)
    expect(await writer.write(entries)).toEqual([])
    expect(await readMinutes(pool)).toEqual(counts)
  })

  test('agrees with the ledger while several workers write the same deliveries and add up', async () => {
    const { pool, url, writer } = await openStorage()
    const others = [openPool(url), openPool(url)]
    const flushes = Array.from({ length: 30 }, (_, flush) => [
      delivery(session({ subAccountId: `account_${flush % 3}` })),
      rejectedDelivery({ receivedAtMs: noonMs + flush * 1_000 }),
    ])
    let isWriting = true
    const adding = others.map(async (other) => {
      while (isWriting) await addUpMinutes(other)
    })
    const looking = (async () => {
      while (isWriting) expect(await findMiscounts(pool)).toEqual([])
    })()

    await Promise.all([...flushes, ...flushes.toReversed()].map((entries) => writer.write(entries)))
    isWriting = false
    await Promise.all([...adding, looking])

    expect(await countLedger(pool)).toBe(60)
    expect(await findMiscounts(pool)).toEqual([])
    await addUpMinutes(pool)
    expect(await findMiscounts(pool)).toEqual([])
    expect((await pool.query('SELECT FROM vss.minute_tallies')).rowCount).toBe(0)
  })

  test('counts nothing of a transaction that is rolled back', async () => {
    const { pool, url, writer } = await openStorage()
    const admin = openPool(url)
    await admin.query('ALTER TABLE vss.minute_tallies ADD CONSTRAINT broken CHECK (deliveries < 0)')

    await expect(writer.write([rejectedDelivery(), rejectedDelivery()])).rejects.toThrow()

    expect(await countLedger(pool)).toBe(0)
    await admin.query('ALTER TABLE vss.minute_tallies DROP CONSTRAINT broken')
    await writer.write([rejectedDelivery()])
    expect(await findMiscounts(pool)).toEqual([])
  })

  test('adds up more tallies than one transaction takes', async () => {
    const { pool } = await openStorage()
    await pool.query(
      `INSERT INTO vss.minute_tallies (minute, sub_account_id, outcome, source, deliveries)
       SELECT to_timestamp($1::double precision / 1000), 'account', 'stored', 'webhook', 1
       FROM generate_series(1, 50001)`,
      [noonMs],
    )

    await addUpMinutes(pool)

    expect((await pool.query('SELECT FROM vss.minute_tallies')).rowCount).toBe(0)
    expect(await readMinutes(pool)).toEqual([['12:00', 'account', 'stored', 50_001]])
  })

  test('follows an outcome that is corrected', async () => {
    const { pool, writer } = await openStorage()
    await writer.write([rejectedDelivery({ receivedAtMs: noonMs })])
    await addUpMinutes(pool)
    const tally = { minuteMs: noonMs, source: 'webhook' } as const

    await inTransaction(pool, (client) =>
      insertTallies(client, [
        { ...tally, subAccountId: '', outcome: 'rejected', deliveries: -1 },
        { ...tally, subAccountId: 'account', outcome: 'stored', deliveries: 1 },
      ]),
    )

    expect(await readMinutes(pool)).toEqual([['12:00', 'account', 'stored', 1]])
    await addUpMinutes(pool)
    expect(await readMinutes(pool)).toEqual([['12:00', 'account', 'stored', 1]])
  })

  test('are counted by outcome from a minute on', async () => {
    const { pool, writer } = await openStorage()
    await writer.write([
      delivery(session(), { receivedAtMs: noonMs - 1 }),
      delivery(session(), { receivedAtMs: noonMs }),
      rejectedDelivery({ receivedAtMs: noonMs + minuteMs }),
    ])

    expect(await countByOutcome(pool, new Date(noonMs))).toEqual({
      stored: 1,
      duplicate: 0,
      superseded: 0,
      rejected: 1,
    })
  })

  test('are removed after 35 days, with the sub-accounts that were not heard of since', async () => {
    const { pool, writer } = await openStorage()
    await receive(writer, 'old', [now - 36 * dayMs])
    await receive(writer, 'new', [now - 36 * dayMs, now - 34 * dayMs])
    await addUpMinutes(pool)

    await pruneMinutes(pool)

    const { rows } = await pool.query('SELECT sub_account_id AS id, deliveries::integer FROM vss.minutes')
    expect(rows).toEqual([{ id: 'new', deliveries: 1 }])
    expect((await readActivity(pool)).map(({ id }) => id)).toEqual(['new'])
  })
})

describe('vss.sub_account_activity', () => {
  test('tells the usual and the longest gap, and whether the silence is longer', async () => {
    const { pool, writer } = await openStorage()
    // A delivery every 4 minutes for an hour, and the same two hours later.
    const hours = (endMs: number) =>
      [0, 3].flatMap((hour) =>
        Array.from({ length: 16 }, (_, step) => endMs - hour * hourMs - step * 4 * minuteMs),
      )
    await receive(writer, 'busy', hours(now - 5 * minuteMs))
    await receive(writer, 'silent', hours(now - 4 * hourMs - minuteMs))
    await receive(
      writer,
      'daily',
      [3, 2, 1].map((days) => now - days * dayMs),
    )
    await receive(writer, 'once', [now - dayMs])
    await addUpMinutes(pool)

    expect(await readActivity(pool)).toEqual([
      { id: 'busy', lastReceived: 5, usual: 4, longest: 120, isSilent: false },
      { id: 'daily', lastReceived: 1440, usual: 1440, longest: 1440, isSilent: false },
      { id: 'once', lastReceived: 1440, usual: null, longest: null, isSilent: null },
      { id: 'silent', lastReceived: 241, usual: 4, longest: 120, isSilent: true },
    ])
  })

  test('finds the same gaps in whatever order deliveries come, and however often they are added up', async () => {
    const { pool, writer } = await openStorage()
    const steps = [0, 1, 7, 30, 75, 76, 200].map((minutes) => now - dayMs + minutes * minuteMs)
    await receive(writer, 'in order', steps)
    await addUpMinutes(pool)
    for (const step of [4, 0, 6, 2, 5, 1, 3]) {
      await receive(writer, 'out of order', [steps[step]!])
      await addUpMinutes(pool)
    }

    const [inOrder, outOfOrder] = await readActivity(pool)

    expect(inOrder).toMatchObject({ longest: 124 })
    expect(outOfOrder).toEqual({ ...inOrder, id: 'out of order' })
  })

  test('looks at the 7 days before the last delivery, and forgets the hours before them', async () => {
    const { pool, writer } = await openStorage()
    const endMs = now - 10 * dayMs
    await receive(writer, 'account', [endMs - 12 * dayMs, endMs - 8 * dayMs, endMs - 6 * dayMs, endMs])
    await addUpMinutes(pool)
    // The gap that ended 8 days before is left out.
    const expected = [
      { id: 'account', longest: 6 * 1440, lastReceived: 14_400, isSilent: false, usual: 4 * 1440 },
    ]
    expect(await readActivity(pool)).toEqual(expected)

    await pruneMinutes(pool)

    expect((await pool.query('SELECT FROM vss.activity_hours')).rowCount).toBe(3)
    expect(await readActivity(pool)).toEqual(expected)
  })

  test('counts neither imports nor rejected deliveries', async () => {
    const { pool, writer } = await openStorage()
    await receive(writer, 'account', [now - 2 * hourMs, now - hourMs])
    const imported = { receivedAtMs: now, context: { source: 'import' } } as const
    await writer.write([delivery(session({ subAccountId: 'account' }), imported), rejectedDelivery()])
    await addUpMinutes(pool)

    expect(await readActivity(pool)).toEqual([
      { id: 'account', lastReceived: 60, usual: 60, longest: 60, isSilent: false },
    ])
    expect(await countByOutcome(pool, new Date(now - dayMs))).toMatchObject({ stored: 3, rejected: 1 })
  })
})

async function receive(
  writer: Storage['writer'],
  subAccountId: string,
  receivedAtMs: number[],
): Promise<void> {
  const entries: LedgerEntry[] = receivedAtMs.map((at) =>
    delivery(session({ subAccountId }), { receivedAtMs: at }),
  )
  await writer.write(entries)
}

async function readMinutes(pool: Pool): Promise<unknown[][]> {
  const { rows } = await pool.query(
    `SELECT to_char(minute AT TIME ZONE 'UTC', 'HH24:MI') AS minute, sub_account_id, outcome, deliveries::integer
     FROM vss.minutes ORDER BY 1, 2, 3`,
  )
  return rows.map((row) => Object.values(row))
}

/** The rows of the view, by sub-account, with all times in minutes. `lastReceived` is that time before `now`. */
async function readActivity(pool: Pool) {
  const { rows } = await pool.query<{
    id: string
    lastReceived: number
    usual: number | null
    longest: number | null
    isSilent: boolean | null
  }>(
    `SELECT sub_account_id AS id,
       (extract(epoch FROM to_timestamp($1::double precision / 1000) - last_received_at) / 60)::integer AS "lastReceived",
       round(extract(epoch FROM usual_gap) / 60)::integer AS usual,
       (extract(epoch FROM longest_gap_7d) / 60)::integer AS longest,
       is_silent AS "isSilent"
     FROM vss.sub_account_activity
     WHERE last_received_at = now() - silent_for
     ORDER BY sub_account_id COLLATE "C"`,
    [now],
  )
  return rows
}
