import { expect, test } from 'vitest'
import { writeAsEarlier } from '../../support/earlier-schema.ts'
import {
  beat,
  commit,
  commitForBilling,
  first,
  openFeed,
  readChanges,
  readLag,
  readRevisions,
  second,
  third,
  useOwnServer,
  writeSession,
} from '../../support/feed-database.ts'

useOwnServer()

test('after pg_upgrade reading is an error until vss.feed_continue(), and cursors go on as they are', async () => {
  const client = await openFeed()
  await writeSession(client, first)
  await writeSession(client, second)
  const [one, two] = (await readChanges(client)).map(({ cursor }) => cursor) as [string, string]
  await commit(client, 'billing', one)
  const feedId = one.split('.')[1]

  await client.query('UPDATE vss.feed SET system_identifier = system_identifier - 1')

  for (const use of [() => readChanges(client), readChanges, commitForBilling]) {
    await expect(use(client, two)).rejects.toMatchObject({
      code: 'VF002',
      message: expect.stringMatching(/vss feed continue.*pg_upgrade.*vss feed restart/),
    })
  }
  expect(await beat(client)).toBe('other server')
  const { rows } = await client.query('SELECT vss.feed_continue() AS "feedId"')
  expect(rows).toEqual([{ feedId }])
  await writeSession(client, third)
  expect((await readChanges(client, two)).map(({ session_id }) => session_id)).toEqual([third])
  expect(await readLag(client)).toMatchObject([{ name: 'billing', cursor: one, state: 'behind' }])
})

test.each([
  ['a row', `UPDATE vss.sessions SET change_xid = '99999999999999'`],
  [
    'a consumer',
    `UPDATE vss.consumers SET cursor = regexp_replace(cursor, '\\.\\d{20}\\.', '.00000099999999999999.')`,
  ],
  ['the heartbeat', `UPDATE vss.feed SET barrier = '99999999999999'`],
])(
  '%s ahead of the server’s transaction ids stops vss.feed_continue() on another server, and restart mends it',
  async (_, advance) => {
    const client = await openFeed()
    await writeSession(client, first)
    await commit(client, 'billing', (await readChanges(client))[0]!.cursor)
    await client.query('UPDATE vss.feed SET system_identifier = system_identifier - 1')
    await client.query(advance)

    const ahead = { code: 'VF003', message: expect.stringContaining('vss feed restart') }
    await expect(client.query('SELECT vss.feed_continue()')).rejects.toMatchObject(ahead)

    await client.query('SELECT vss.feed_restart()')
    expect(await readRevisions(client)).toEqual([[first, 1]])
    expect(await beat(client)).toBe('beat')
  },
)

test('rows of a restored backup that are ahead of the server’s transaction ids are an error, not an empty feed', async () => {
  const client = await openFeed()
  await writeSession(client, first)
  await client.query(`UPDATE vss.sessions SET change_xid = '99999999999999'`)

  await expect(readChanges(client)).rejects.toMatchObject({
    code: 'VF003',
    message: expect.stringContaining('vss feed restart'),
  })
})

test('vss.feed_restart() begins a feed in which every session comes once more, and rewrites nothing', async () => {
  const client = await openFeed()
  // Every cursor of the next feed sorts before those of this one.
  await client.query(`UPDATE vss.feed SET feed_id = 'ffffffff-ffff-4fff-8fff-ffffffffffff'`)
  await writeSession(client, first)
  await writeSession(client, second)
  const { cursor } = (await readChanges(client))[0]!
  await commit(client, 'billing', cursor)
  const fileOf = `SELECT pg_relation_filenode('vss.sessions') AS file`
  const before = await client.query(fileOf)

  await client.query('SELECT vss.feed_restart()')

  expect((await client.query(fileOf)).rows).toEqual(before.rows)
  await expect(readChanges(client, cursor)).rejects.toMatchObject({ code: 'VF001' })
  expect(await readLag(client)).toMatchObject([{ name: 'billing', state: 'other feed', lag: null }])
  expect(await readRevisions(client)).toEqual([
    [first, 1],
    [second, 1],
  ])
  const last = (await readChanges(client)).at(-1)!
  // A worker of the release before knows no change_xid.
  await writeAsEarlier(client, first)
  await writeSession(client, third)
  expect((await readChanges(client, last.cursor)).map(({ session_id }) => session_id)).toEqual([first, third])
  await commit(client, 'billing', last.cursor)
  expect(await readLag(client)).toMatchObject([{ name: 'billing', state: 'behind' }])
})
