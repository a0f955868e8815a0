import { readExpired, readRetention } from '@vss-pipeline/reader'
import { letGo, type Pool, type RetentionDays } from '@vss-pipeline/storage'
import { expect, test } from 'vitest'
import { delivery, session } from '../../support/entries.ts'
import { dayStart } from '../../support/ledger-partitions.ts'
import { openStorage } from '../../support/open-storage.ts'

const dayMs = 86_400_000
const aDay: RetentionDays = { bodies: 1, deliveries: 1, sessions: 1 }

test('a worker lets go of nothing that is younger than the floor, whatever it is set to', async () => {
  const { pool, writer } = await openStorage()
  await writer.write(
    [100, 50, 5].map((days) => delivery(session(), { receivedAtMs: Date.now() - days * dayMs })),
  )
  await setFloor(pool, { bodies: 30, deliveries: 90, sessions: 60 })

  await letGo(pool, aDay)

  expect(await daysKept(pool)).toEqual({ bodies: 30, deliveries: 90, sessions: 60 })
  const { rows } = await pool.query(
    `SELECT (SELECT count(*) FROM vss.bodies)::integer AS bodies, (SELECT count(*) FROM vss.deliveries)::integer AS deliveries,
       (SELECT count(*) FROM vss.sessions)::integer AS sessions`,
  )
  expect(rows).toEqual([{ bodies: 1, deliveries: 2, sessions: 2 }])
})

test('the floor of a kind says nothing of the others, and none of what is kept for longer or for ever', async () => {
  const { pool } = await openStorage()
  await setFloor(pool, { sessions: 60 })

  await letGo(pool, { bodies: 1, deliveries: 2, sessions: 90 })
  expect(await daysKept(pool)).toEqual({ bodies: 1, deliveries: 2, sessions: 90 })

  await letGo(pool, { bodies: 1, deliveries: 2, sessions: undefined })
  expect(await daysKept(pool)).toEqual({ bodies: 1, deliveries: 2, sessions: null })
})

test('rows of the ledger are kept for as long as bodies must be', async () => {
  const { pool } = await openStorage()
  await setFloor(pool, { bodies: 30 })

  await letGo(pool, { bodies: undefined, deliveries: 7, sessions: undefined })

  expect(await daysKept(pool)).toEqual({ bodies: 30, deliveries: 30 })
  const expired = await readExpired(pool, { bodies: 1, deliveries: 7, sessions: 8 })
  expect(expired.map(({ kind, days, keptFrom }) => [kind, days, keptFrom])).toEqual([
    ['bodies', 30, dayStart(-30)],
    ['deliveries', 30, dayStart(-30)],
    ['sessions', 8, dayStart(-8)],
  ])
})

async function setFloor(pool: Pool, days: Partial<RetentionDays>): Promise<void> {
  for (const [kind, least] of Object.entries(days))
    await pool.query('INSERT INTO vss.retention_floor (kind, days) VALUES ($1, $2)', [kind, least])
}

async function daysKept(pool: Pool): Promise<Record<string, number | null>> {
  return Object.fromEntries((await readRetention(pool)).map(({ kind, days }) => [kind, days]))
}
