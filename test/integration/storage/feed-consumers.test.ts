import { expect, test } from 'vitest'
import { connect } from '../../support/databases.ts'
import {
  commit,
  first,
  openFeed,
  openFeedWithUrl,
  readChanges,
  readLag,
  second,
  third,
  useOwnServer,
  writeSession,
} from '../../support/feed-database.ts'

useOwnServer()

test('a consumer is made by its first commit, and goes back only when it is told to', async () => {
  const client = await openFeed()
  for (const sessionId of [first, second, third]) await writeSession(client, sessionId)
  const [one, two, three] = (await readChanges(client)).map(({ cursor }) => cursor) as [
    string,
    string,
    string,
  ]
  const stored = async () => (await client.query('SELECT name, cursor FROM vss.consumers')).rows

  await commit(client, 'billing', two)
  await commit(client, 'billing', two)
  await expect(commit(client, 'billing', one)).rejects.toMatchObject({
    code: 'VF004',
    message: expect.stringContaining('back => true'),
  })
  expect(await stored()).toEqual([{ name: 'billing', cursor: two }])

  await commit(client, 'billing', three)
  await client.query('SELECT vss.commit($1, $2, back => true)', ['billing', one])
  expect(await stored()).toEqual([{ name: 'billing', cursor: one }])

  await expect(client.query(`SELECT vss.commit('billing', NULL)`)).rejects.toMatchObject({ code: '22023' })
  await client.query(`SELECT vss.commit('billing', NULL, back => true)`)
  expect(await stored()).toEqual([])
})

test.each([[''], [null], ['n'.repeat(101)]])('a consumer cannot be named %j', async (name) => {
  const client = await openFeed()
  await writeSession(client, first)
  const { cursor } = (await readChanges(client))[0]!

  await expect(client.query('SELECT vss.commit($1, $2)', [name, cursor])).rejects.toMatchObject({
    code: '22023',
    message: 'a consumer’s name has 1 to 100 characters'.replace('’', `'`),
  })
})

test('vss.consumer_lag is the age of the oldest unread change, also while the feed is held', async () => {
  const { url, client } = await openFeedWithUrl()
  await writeSession(client, first)
  await commit(client, 'billing', (await readChanges(client))[0]!.cursor)
  expect(await readLag(client)).toMatchObject([
    { name: 'billing', state: 'up to date', oldest_unread_at: null, seconds: 0 },
  ])

  const slow = await connect(url)
  await slow.query('BEGIN; SELECT pg_current_xact_id()')
  await writeSession(client, second)
  await writeSession(client, third)
  await client.query(
    `UPDATE vss.sessions SET processed_at = now() - interval '1 hour' WHERE session_id = $1`,
    [second],
  )

  expect(await readChanges(client)).toHaveLength(1)
  const [lag] = await readLag(client)
  expect(lag).toMatchObject({ state: 'behind' })
  expect(lag!.seconds).toBeGreaterThanOrEqual(3600)
  expect(lag!.seconds).toBeLessThan(3700)
  await slow.query('ROLLBACK')
})
