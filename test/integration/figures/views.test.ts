import type { Session } from '@vss-pipeline/vss'
import { expect, onTestFinished, test } from 'vitest'
import { delivery, session } from '../../support/entries.ts'
import { openStorage } from '../../support/open-storage.ts'

test('the views show the present, the days before and the week before', async () => {
  const { pool, writer } = await openStorage()
  const client = await pool.connect()
  onTestFinished(() => client.release())
  await client.query(`SET TimeZone = 'UTC'`)
  const { rows } = await client.query<{ now: Date; day: Date; week: Date }>(
    `SELECT now(), date_trunc('day', now()) AS day, date_trunc('week', now()) AS week`,
  )
  const [now, day, week] = [rows[0]!.now.getTime(), rows[0]!.day.getTime(), rows[0]!.week.getTime()]
  const dayMs = 86_400_000
  const justNow = Math.max(now - 60_000, day)
  const calls: Session[] = [
    session({ startedAtMs: justNow, subAccountId: 'one' }),
    session({ startedAtMs: justNow, answered: false, status: 'BUSY', errorCode: null, errorMeaning: null }),
    session({ startedAtMs: justNow - 7 * dayMs }),
    // An hour later than now, a week ago.
    session({ startedAtMs: now - 7 * dayMs + 3_600_000 }),
    session({ startedAtMs: now - 31 * dayMs }),
  ]
  await writer.write(calls.map((content) => delivery(content)))
  const read = async (query: string) => (await client.query<Record<string, unknown>>(query)).rows

  const days = await read('SELECT attempts::integer FROM vss.calls_a_day')
  expect(days).toHaveLength(30)
  expect(days.at(-1)).toEqual({ attempts: 2 })
  expect(days.reduce((sum, { attempts }) => sum + Number(attempts), 0)).toBe(4)

  expect(await read('SELECT status, sessions::integer, share FROM vss.failures_by_cause')).toEqual([
    { status: 'BUSY', sessions: 1, share: 1 },
  ])
  expect(await read('SELECT country_pair, attempts::integer FROM vss.quality_by_country_pair')).toEqual([
    { country_pair: 'US-??', attempts: 3 },
  ])

  const busiest = await read(
    'SELECT weekday, hour, attempts_max::integer, attempts_avg FROM vss.busiest_hours WHERE attempts_max > 0',
  )
  const hours = calls.slice(2, 4).map(({ startedAtMs }) => new Date(startedAtMs))
  expect(busiest.map(({ weekday, hour }) => `${weekday} ${hour}`).sort()).toEqual(
    hours.map((at) => `${at.getUTCDay() || 7} ${at.getUTCHours()}`).sort(),
  )
  expect(busiest.map(({ attempts_avg }) => attempts_avg)).toEqual([0.25, 0.25])
  expect(await read('SELECT FROM vss.busiest_hours')).toHaveLength(168)

  const thisWeek = await read(
    'SELECT attempts::integer, attempts_before::integer, attempts_growth FROM vss.this_week',
  )
  expect(thisWeek).toHaveLength(Math.round((day - week) / dayMs) + 1)
  expect(thisWeek.at(-1)).toEqual({ attempts: 2, attempts_before: 1, attempts_growth: 1 })
})
