import { expect, inject, it, onTestFinished } from 'vitest'
import { createTestDatabase, rowsOf } from '../../support/databases.ts'
import { vss } from '../../support/vss-command.ts'

it('continues a feed that was begun on another server, and does not when rows are ahead of this one', async () => {
  const { url, feedId, env } = await feedOfAnotherServer()

  expect(await vss(['feed', 'continue'], env)).toEqual({
    exitCode: 0,
    stdout: `feed ${feedId} goes on: cursors are good\n`,
    stderr: '',
  })
  await rowsOf(url, 'SELECT FROM vss.changes()')

  await rowsOf(
    url,
    `INSERT INTO vss.sessions (session_id, sub_account_id, status, started_at, ended_at, answered, anomalies, revision,
       delivery_id, received_at, body_sha256, processed_at, pipeline_version, change_xid)
     SELECT id, 'account', 'COMPLETED', now(), now(), true, '{}', 1, id, now(), sha256(''), now(), 'test', '99999999999'
     FROM gen_random_uuid() AS id`,
  )
  const { exitCode, stderr } = await vss(['feed', 'continue'], env)
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^vss: .*ahead of this server's.*vss feed restart.*\(SQLSTATE VF003\)\n$/)
})

it('restarts a feed when that is confirmed', async () => {
  const { url, feedId, env } = await feedOfAnotherServer()

  expect(await vss(['feed', 'restart'], env)).toEqual({
    exitCode: 2,
    stdout: '',
    stderr: 'vss: a restart makes every consumer read all sessions again: give --yes to confirm it\n',
  })
  expect(await readFeedId(url)).toBe(feedId)

  await rowsOf(
    url,
    `INSERT INTO vss.consumers (name, cursor, committed_at)
     VALUES ('billing', '1.${feedId}.00000000000000000000.00000000-0000-0000-0000-000000000000', now())`,
  )
  expect(await vss(['feed', 'restart', '--dry-run'], env)).toEqual({
    exitCode: 0,
    stdout: '0 sessions come again; 1 consumer is refused until removed\n  billing\n',
    stderr: '',
  })
  const planned = await vss(['feed', 'restart', '--dry-run', '--json'], env)
  expect(JSON.parse(planned.stdout)).toEqual({
    restarted: false,
    sessions: 0,
    isExact: true,
    consumers: ['billing'],
  })
  expect(await readFeedId(url)).toBe(feedId)

  const { exitCode, stdout } = await vss(['feed', 'restart', '--yes'], env)
  expect(exitCode).toBe(0)
  const begun = await readFeedId(url)
  expect(begun).not.toBe(feedId)
  expect(stdout).toBe(`feed ${begun} begins: consumers read from the beginning\n`)
  await rowsOf(url, 'SELECT FROM vss.changes()')
})

it('tells programs as JSON what it did', async () => {
  const { url, feedId, env } = await feedOfAnotherServer()

  const continued = await vss(['feed', 'continue', '--json'], env)
  expect(JSON.parse(continued.stdout)).toEqual({ feedId })

  const { stdout } = await vss(['feed', 'restart', '--yes', '--json'], env)
  expect(JSON.parse(stdout)).toEqual({
    restarted: true,
    feedId: await readFeedId(url),
    sessions: 0,
    isExact: true,
    consumers: [],
  })
})

async function feedOfAnotherServer() {
  const { url, drop } = await createTestDatabase(inject('databaseUrl'))
  onTestFinished(drop)
  await rowsOf(url, 'UPDATE vss.feed SET system_identifier = system_identifier - 1')
  return { url, feedId: await readFeedId(url), env: { DATABASE_URL: url } }
}

async function readFeedId(url: string): Promise<string> {
  const [row] = await rowsOf<{ id: string }>(url, 'SELECT feed_id AS id FROM vss.feed')
  return row!.id
}
