import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTemporaryFolder, findOnPath, projectRoot, until } from '@vss-pipeline/local-stack'
import { readConsumers } from '@vss-pipeline/reader'
import { createWriter, type Pool } from '@vss-pipeline/storage'
import type { Session } from '@vss-pipeline/vss'
import { expect, onTestFinished, test } from 'vitest'
import { createEmptyDatabase, createTestDatabase, rowsOf } from '../support/databases.ts'
import { delivery, session } from '../support/entries.ts'
import { openPool } from '../support/open-storage.ts'
import { startOwnPostgres } from '../support/own-postgres.ts'

const postgres = await startOwnPostgres()

test('bill.ts has a bill for each session, though it is killed again and again', async () => {
  const feed = await openFeed()
  const { url: billingUrl, drop } = await createEmptyDatabase(postgres.url)
  onTestFinished(drop)
  const env = { DATABASE_URL: feed.url, BILLING_DATABASE_URL: billingUrl }
  const billed = async () => {
    const bills = 'SELECT session_id AS id, legs, minutes FROM bills'
    const rows = await rowsOf<{ id: string; legs: number; minutes: number }>(billingUrl, bills).catch(
      () => [],
    )
    return new Map(rows.map(({ id, ...bill }) => [id, bill]))
  }

  for (let life = 0; life < 3; life++) {
    const before = (await billed()).size
    const child = start(process.execPath, ['examples/bill.ts'], env)
    const writing = feed.writeUntil(async () => (await billed()).size > before)
    await writing
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await postgres.kill()
  await postgres.start()
  const corrected: Session = { ...feed.written[0]!, talkSeconds: 61, legs: [] }
  await feed.write(corrected)
  const child = start(process.execPath, ['examples/bill.ts'], env)
  await until('The last bills', async () => (await billed()).size === feed.written.length, {
    timeoutMs: 20_000,
  })
  await until('The correction', async () => (await billed()).get(corrected.sessionId)?.legs === 0, {
    timeoutMs: 10_000,
  })
  child.kill('SIGINT')
  expect(await once(child, 'exit')).toEqual([0, null])

  expect((await billed()).get(corrected.sessionId)).toEqual({ legs: 0, minutes: 2 })
  expect((await billed()).get(feed.written[1]!.sessionId)).toEqual({ legs: 2, minutes: 1 })
}, 90_000)

test('bill.ts says which setting is missing', async () => {
  const child = start(process.execPath, ['examples/bill.ts'], {})
  expect(await once(child, 'exit')).toEqual([1, null])
})

test.skipIf(!findOnPath('psql') || !findOnPath('bash'))(
  'export.sh has a line for each session, though it is killed and Postgres restarts',
  async () => {
    const feed = await openFeed()
    const folder = await createTemporaryFolder()
    onTestFinished(() => folder.remove())
    const file = join(folder.path, 'sessions.tsv')
    const env = { DATABASE_URL: feed.url }
    const exported = async () => {
      const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').map((line) => line.split('\t'))
      return new Set(lines.filter((fields) => fields.length === 6).map(([, id]) => id))
    }

    for (let life = 0; life < 3; life++) {
      const before = (await exported()).size
      const child = start('bash', ['examples/export.sh', file], env)
      await feed.writeUntil(async () => (await exported()).size > before)
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await feed.write(session({ subAccountId: 'a\tb\nc' }))
    const child = start('bash', ['examples/export.sh', file], env)
    await until('A read', async () => (await exported()).size === feed.written.length, { timeoutMs: 20_000 })
    await postgres.kill()
    await postgres.start()
    await feed.write(session())
    await until('The last line', async () => (await exported()).size === feed.written.length, {
      timeoutMs: 20_000,
    })
    await until('The last commit', async () => (await readConsumers(feed.pool))[0]?.state === 'up to date', {
      timeoutMs: 20_000,
    })
    child.kill('SIGKILL')
    await once(child, 'exit')

    expect(await exported()).toEqual(new Set(feed.written.map(({ sessionId }) => sessionId)))
  },
  90_000,
)

interface Feed {
  url: string
  pool: Pool
  /** The sessions that were written, each once. */
  written: Session[]
  write(content: Session): Promise<void>
  writeUntil(isEnough: () => Promise<boolean>): Promise<void>
}

async function openFeed(): Promise<Feed> {
  const { url, drop } = await createTestDatabase(postgres.url)
  onTestFinished(drop)
  const pool = openPool(url)
  const writer = createWriter({ pool, pipelineVersion: 'test' })
  const written: Session[] = []
  async function write(content: Session): Promise<void> {
    await writer.write([delivery(content)])
    if (!written.some(({ sessionId }) => sessionId === content.sessionId)) written.push(content)
  }
  return {
    url,
    pool,
    written,
    write,
    async writeUntil(isEnough) {
      await until(
        'Enough',
        async () => {
          await write(session())
          return await isEnough()
        },
        { timeoutMs: 20_000 },
      )
    },
  }
}

/** Starts a program in the project's folder, as the page of the examples says. */
function start(command: string, args: string[], env: Record<string, string>): ChildProcess {
  const child = spawn(command, args, {
    cwd: projectRoot,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}
