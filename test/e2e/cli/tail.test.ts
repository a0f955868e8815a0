import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { createTemporaryFolder, findOnPath, until } from '@vss-pipeline/local-stack'
import { type Change, readConsumers, readSession } from '@vss-pipeline/reader'
import type { Pool } from '@vss-pipeline/storage'
import { createWriter } from '@vss-pipeline/storage'
import type { Session } from '@vss-pipeline/vss'
import { expect, onTestFinished, test } from 'vitest'
import { connect, createTestDatabase } from '../../support/databases.ts'
import { callLeg, delivery, session } from '../../support/entries.ts'
import { openPool } from '../../support/open-storage.ts'
import { startOwnPostgres } from '../../support/own-postgres.ts'
import { linesOver80Columns, startVss, vss } from '../../support/vss-command.ts'

const postgres = await startOwnPostgres()

test('prints each change as a line of JSON, with its session and its legs', async () => {
  const { env, write, pool } = await openFeed()
  const sessions = [session({ clientRequestId: 'a\u202eb\nc' }), session()]
  for (const content of sessions) await write(content)

  const { exitCode, stdout, stderr } = await vss(['tail', '--from', 'beginning', '--max', '2'], env)

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  const changes = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Change)
  expect(changes.map(({ sessionId }) => sessionId)).toEqual(sessions.map(({ sessionId }) => sessionId))
  for (const change of changes) {
    const stored = await readSession(pool, change.sessionId)
    expect(change).toMatchObject({
      kind: 'session',
      revision: 1,
      session: stored!.session,
      legs: stored!.legs,
    })
  }
  expect(stdout).toContain('a\\u202eb\\nc')
})

test('prints a table of 80 columns, without phone numbers', async () => {
  const { env, write } = await openFeed()
  const odd = session({ status: 'A_STATUS_OF_THE_FUTURE', talkSeconds: null })
  const call = session({ status: 'COMPLETED', talkSeconds: 13.25, legs: [callLeg('A')] })
  await write(odd)
  await write(call)

  const { stdout } = await vss(['tail', '--from', 'beginning', '--max', '2', '--format', 'table'], env)

  const lines = stdout.trimEnd().split('\n')
  expect(lines[0]).toBe('CHANGED (UTC)   SESSION                               REV  STATUS        TALK')
  const time = String.raw`\d\d-\d\d \d\d:\d\d:\d\d`
  expect(lines[1]).toMatch(new RegExp(`^${time}  ${odd.sessionId}    1  A_STATUS_OF…  -$`))
  expect(lines[2]).toMatch(new RegExp(`^${time}  ${call.sessionId}    1  COMPLETED     13 s$`))
  expect(linesOver80Columns(stdout)).toEqual([])
})

test.skipIf(findOnPath('script') === undefined)('prints a table where its output is a terminal', async () => {
  const { env, write } = await openFeed()
  await write(session())
  const command = ['services/cli/src/main.ts', 'tail', '--from', 'beginning', '--max', '1'].join(' ')
  const child = spawn('script', ['-qec', `${process.execPath} ${command}`, '/dev/null'], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  expect(await text(child.stdout)).toContain('CHANGED (UTC)')
})

test('begins at the present end, goes on until Ctrl-C, and exits with 0', async () => {
  const feed = await openFeed()
  await feed.write(session())
  const tail = startTail(feed, [])
  await feed.untilFollowed()
  const next = session()
  await feed.write(next)
  await until('The line', () => tail.lines.length === 1, { timeoutMs: 10_000 })

  tail.process.kill('SIGINT')

  expect(await tail.ended).toMatchObject({ exitCode: 0, stderr: '' })
  expect(tail.ids()).toEqual([next.sessionId])
})

test('commits for a consumer what it has printed, and goes on there', async () => {
  const feed = await openFeed()
  const sessions = [session(), session(), session()]
  for (const content of sessions) await feed.write(content)
  const tail = async (max: number) => {
    const args = ['tail', '--consumer', 'export', '--from', 'beginning', '--max', String(max)]
    const { stdout } = await vss(args, feed.env)
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as Change).sessionId)
  }

  expect(await tail(2)).toEqual(sessions.slice(0, 2).map(({ sessionId }) => sessionId))
  expect(await tail(1)).toEqual([sessions[2]!.sessionId])
  expect(await readConsumers(feed.pool)).toMatchObject([{ name: 'export', state: 'up to date' }])
})

test('killed at any moment, a consumer has printed all that is committed', async () => {
  const feed = await openFeed()
  const printed = new Set<string>()
  const written: string[] = []
  let areWriting = true
  onTestFinished(() => {
    areWriting = false
  })
  const writing = (async () => {
    while (areWriting) {
      const content = session()
      await feed.write(content)
      written.push(content.sessionId)
    }
  })()
  for (let life = 0; life < 3; life++) {
    const tail = startTail(feed, ['--consumer', 'export', '--from', 'beginning'])
    await until('Some lines', () => tail.lines.length > 3 * life, { timeoutMs: 10_000 })
    tail.process.kill('SIGKILL')
    await tail.ended
    for (const id of tail.ids()) printed.add(id)
  }
  areWriting = false
  await writing
  const last = startTail(feed, ['--consumer', 'export', '--from', 'beginning'])
  await until(
    'The rest',
    () => {
      const ids = new Set([...printed, ...last.ids()])
      return written.every((id) => ids.has(id))
    },
    { timeoutMs: 10_000 },
  )
  last.process.kill('SIGTERM')
  expect((await last.ended).exitCode).toBe(0)
}, 60_000)

test('ends quietly when nobody reads its output any more, and does not commit what nobody could read', async () => {
  const feed = await openFeed()
  await feed.write(session())
  const command = `${process.execPath} services/cli/src/main.ts tail --from beginning --consumer export`
  const child = spawn('bash', ['-c', `set -o pipefail; ${command} | head -n 1`], {
    env: { PATH: process.env.PATH, ...feed.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  const output = Promise.all([text(child.stdout), text(child.stderr)])
  await until('A commit', async () => (await readConsumers(feed.pool)).length > 0, { timeoutMs: 10_000 })
  const [before] = await readConsumers(feed.pool)
  let hasEnded = false
  void ended.then(() => {
    hasEnded = true
  })
  await until(
    'The end',
    async () => {
      await feed.write(session())
      return hasEnded
    },
    { timeoutMs: 10_000 },
  )

  expect(await ended).toEqual([0, null])
  const [stdout, stderr] = await output
  expect([stdout.split('\n').length, stderr]).toEqual([2, ''])
  expect((await readConsumers(feed.pool))[0]).toMatchObject({ cursor: before!.cursor, state: 'behind' })
})

test('begins a new line in a file that ends within one', async () => {
  const feed = await openFeed()
  await feed.write(session())
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const file = join(folder.path, 'changes.jsonl')
  await writeFile(file, '{"cursor":"1.')
  const consumer = ['--consumer', 'export', '--from', 'beginning', '--max', '1']
  for (let life = 0; life < 2; life++) {
    const output = openSync(file, 'a')
    const args = ['services/cli/src/main.ts', 'tail', ...consumer]
    const child = spawn(process.execPath, args, { env: feed.env, stdio: ['ignore', output, 'inherit'] })
    expect(await once(child, 'exit')).toEqual([0, null])
    closeSync(output)
    await feed.write(session())
  }

  const [half, first, second, ...rest] = (await readFile(file, 'utf8')).split('\n')
  expect([half, ...rest]).toEqual(['{"cursor":"1.', ''])
  expect([JSON.parse(first!), JSON.parse(second!)]).toMatchObject([{ kind: 'session' }, { kind: 'session' }])
})

test('says once which transaction the feed waits for', async () => {
  const feed = await openFeed()
  const holder = await connect(feed.url)
  await holder.query(`SET application_name = 'slow report'; BEGIN; SELECT pg_current_xact_id()`)
  const { rows } = await holder.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  const tail = startTail(feed, [])
  await until('The word', () => tail.told().includes('waits'), { timeoutMs: 15_000 })
  await holder.query('ROLLBACK')
  await feed.write(session())
  await until('The line', () => tail.lines.length === 1, { timeoutMs: 10_000 })
  tail.process.kill('SIGINT')

  const database = new URL(feed.url).pathname.slice(1)
  expect((await tail.ended).stderr).toMatch(
    new RegExp(
      `^vss: the feed waits for the transaction of connection ${rows[0]!.pid} \\(slow report\\) in database ${database}, open for [\\d.]+ s: docs/consuming.md, "When no changes come"\n$`,
    ),
  )
})

test('says when Postgres is away, and when it is back', async () => {
  const feed = await openFeed()
  const tail = startTail(feed, [])
  await feed.untilFollowed()
  await postgres.stop()
  await until('The word', () => tail.told().includes('away'), { timeoutMs: 10_000 })
  await postgres.start()
  await until('The end of it', () => tail.told().includes('back'), { timeoutMs: 15_000 })
  await feed.write(session())
  await until('The line', () => tail.lines.length === 1, { timeoutMs: 10_000 })
  tail.process.kill('SIGINT')

  const { exitCode, stderr } = await tail.ended
  expect(exitCode).toBe(0)
  expect(stderr).toMatch(
    /^vss: Postgres is away: postgres:\/\/127.*: it is tried again\nvss: Postgres is back\n$/,
  )
})

test('a cursor of another feed is one line that says what to do', async () => {
  const { env, write } = await openFeed()
  await write(session())
  const cursor =
    '1.00000000-0000-4000-8000-000000000000.00000000000000000001.00000000-0000-4000-8000-000000000000'
  const { exitCode, stderr } = await vss(['tail', '--from', cursor], env)
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(
    /^vss: cursor ".*" is of another feed .*read from the beginning.*\(SQLSTATE VF001\)\n$/,
  )
})

interface Feed {
  url: string
  env: { DATABASE_URL: string }
  pool: Pool
  write(content: Session): Promise<void>
  /** Waits until somebody reads the feed. */
  untilFollowed(): Promise<void>
}

async function openFeed(): Promise<Feed> {
  const { url, drop } = await createTestDatabase(postgres.url)
  onTestFinished(drop)
  const pool = openPool(url)
  const writer = createWriter({ pool, pipelineVersion: 'test' })
  return {
    url,
    env: { DATABASE_URL: url },
    pool,
    async write(content) {
      await writer.write([delivery(content)])
    },
    async untilFollowed() {
      await until(
        'A reader',
        async () => {
          const { rowCount } = await pool.query(
            `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'vss-follow%'
               AND query LIKE '%vss.changes%'`,
          )
          return rowCount! > 0
        },
        { timeoutMs: 10_000 },
      )
    },
  }
}

/** Starts `vss tail` and collects its lines. */
function startTail(feed: Feed, args: string[]) {
  const started = startVss(['tail', ...args], feed.env)
  const lines: string[] = []
  let told = ''
  let rest = ''
  started.process.stdout!.on('data', (chunk) => {
    // A process that is killed may leave half a line.
    const parts = `${rest}${chunk}`.split('\n')
    rest = parts.pop()!
    lines.push(...parts)
  })
  started.process.stderr!.on('data', (chunk) => {
    told += String(chunk)
  })
  return {
    ...started,
    lines,
    told: () => told,
    ids: () => lines.map((line) => (JSON.parse(line) as Change).sessionId),
  }
}
