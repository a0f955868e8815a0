import { migrate } from '@vss-pipeline/storage/migrate'
import { expect, onTestFinished, test } from 'vitest'
import { connect, createEmptyDatabase, rowsOf } from '../../support/databases.ts'
import {
  first,
  insertSession,
  openFeedWithUrl,
  ownServerUrl,
  readChanges,
  readRevisions,
  readStatus,
  second,
  useOwnServer,
  writeSession,
} from '../../support/feed-database.ts'

useOwnServer()

test('a change waits until every transaction that began to write before it has ended', async () => {
  const { url, client } = await openFeedWithUrl()
  const slow = await connect(url)
  await slow.query('BEGIN')
  await insertSession(slow, first)
  await writeSession(client, second)

  expect(await readChanges(client)).toEqual([])

  await slow.query('COMMIT')
  expect((await readChanges(client)).map(({ session_id }) => session_id)).toEqual([first, second])
})

test('vss.feed_status names the connection that holds the feed, also one of another database', async () => {
  const { url, client } = await openFeedWithUrl()
  const other = await createEmptyDatabase(ownServerUrl())
  onTestFinished(other.drop)
  expect(await readStatus(client)).toMatchObject({ holder: 'nobody', age: null, pid: null })

  for (const [databaseUrl, statement] of [
    [url, `SELECT vss.commit('slow', NULL, true), pg_current_xact_id()`],
    [other.url, 'CREATE TABLE mine ()'],
  ] as const) {
    const slow = await connect(databaseUrl)
    await slow.query(`SET application_name = 'slow report'; BEGIN; ${statement}`)
    const { rows } = await slow.query<{ pid: number; since: Date }>(
      'SELECT pg_backend_pid() AS pid, now() AS since',
    )
    const written = await writeSession(client, first)

    expect(await readStatus(client)).toMatchObject({
      holder: 'connection',
      ...rows[0],
      database_name: new URL(databaseUrl).pathname.slice(1),
      application_name: 'slow report',
      prepared_name: null,
      isOld: true,
    })
    expect(await readRevisions(client)).not.toContainEqual([first, written])

    await slow.query('ROLLBACK')
    expect(await readRevisions(client)).toContainEqual([first, written])
  }
})

test('vss.feed_status names a prepared transaction that holds the feed', async () => {
  const { url, client } = await openFeedWithUrl()
  const preparing = await connect(url)
  await preparing.query('BEGIN')
  await insertSession(preparing, first)
  await preparing.query(`PREPARE TRANSACTION 'forgotten'`)
  await writeSession(client, second)

  expect(await readStatus(client)).toMatchObject({
    holder: 'prepared transaction',
    prepared_name: 'forgotten',
    pid: null,
    database_name: new URL(url).pathname.slice(1),
    isOld: true,
  })
  expect(await readChanges(client)).toEqual([])

  await client.query(`COMMIT PREPARED 'forgotten'`)
  expect((await readChanges(client)).map(({ session_id }) => session_id)).toEqual([first, second])
  expect(await readStatus(client)).toMatchObject({ holder: 'nobody' })
})

test('an owner without pg_read_all_stats sees the connection that holds the feed, but not since when', async () => {
  const { url, drop } = await createEmptyDatabase(ownServerUrl())
  await rowsOf(ownServerUrl(), `CREATE ROLE plain LOGIN PASSWORD 'plain'`)
  onTestFinished(async () => {
    await drop()
    await rowsOf(ownServerUrl(), 'DROP ROLE plain')
  })
  const admin = await connect(url)
  await admin.query('CREATE SCHEMA vss AUTHORIZATION plain')
  const ownerUrl = Object.assign(new URL(url), { username: 'plain', password: 'plain' }).href
  await migrate({ databaseUrl: ownerUrl })
  const owner = await connect(ownerUrl)
  const slow = await connect(url)
  await slow.query('BEGIN; SELECT pg_current_xact_id()')
  const { rows } = await slow.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')

  expect(await readStatus(owner)).toMatchObject({ holder: 'connection', ...rows[0], age: null, since: null })
  await admin.query('GRANT pg_read_all_stats TO plain')
  expect(await readStatus(owner)).toMatchObject({ holder: 'connection', ...rows[0], isOld: true })
})
