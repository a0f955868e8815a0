import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { until } from '@vss-pipeline/local-stack'
import type { Session } from '@vss-pipeline/vss'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createEmptyDatabase, rowsOf } from '../support/databases.ts'
import { callLeg, delivery, session } from '../support/entries.ts'
import { openStorage } from '../support/open-storage.ts'

const run = promisify(execFile)
const hasPsql = spawnSync('psql', ['--version']).status === 0

test.skipIf(!hasPsql)('the recipe for a file writes the answered calls of a month as CSV', async () => {
  const { url, writer } = await openStorage()
  const call = session({ startedAtMs: Date.now() - 60_000, subAccountId: 'acme, "Ltd"' })
  await writer.write([call, session()].map((one) => delivery(one)))
  const folder = temporaryFolder()

  await runRecipe('A file', 0, folder, { DATABASE_URL: url })

  const [header, ...rows] = readFileSync(join(folder, 'calls.csv'), 'utf8').trimEnd().split('\n')
  expect(header).toBe('session_id,sub_account_id,started_at,caller,callee,talk_seconds')
  expect(rows).toEqual([
    expect.stringMatching(
      new RegExp(`^${call.sessionId},"acme, ""Ltd""",20.*,\\+12025550123,\\+6560000002,13\\.25$`),
    ),
  ])
})

test.skipIf(!hasPsql)('the recipe for a copy brings over what is new or changed, page by page', async () => {
  const { url, writer } = await openStorage()
  const warehouse = await createEmptyDatabase(inject('databaseUrl'))
  onTestFinished(() => warehouse.drop())
  const folder = temporaryFolder()
  const env = { DATABASE_URL: url, WAREHOUSE_URL: warehouse.url }
  const title = 'A copy in another Postgres'
  const [first, second] = [session(), session()]

  await runRecipe(title, 0, folder, env)
  await writer.write([first, second].map((one) => delivery(one)))
  // Transactions of other tests on the server hold the feed back.
  await untilCopied([first, second])

  const corrected = { ...second, talkSeconds: 7, legs: [callLeg('A')] }
  const third = session()
  await writer.write([delivery(corrected, { receivedAtMs: Date.now() + 1 }), delivery(third)])
  await untilCopied([first, corrected, third])

  await runRecipe(title, 1, folder, env)
  expect(readFileSync(join(folder, 'changes.csv'), 'utf8')).toBe('')

  async function untilCopied(sessions: Session[]): Promise<void> {
    const expected = sessions
      .map(({ sessionId, talkSeconds }) => ({ session_id: sessionId, talk_seconds: talkSeconds }))
      .sort((one, other) => (one.session_id < other.session_id ? -1 : 1))
    await until(
      'The copy',
      async () => {
        await runRecipe(title, 1, folder, env)
        const rows = await rowsOf(warehouse.url, 'SELECT session_id, talk_seconds FROM calls ORDER BY 1')
        return JSON.stringify(rows) === JSON.stringify(expected)
      },
      { timeoutMs: 20_000 },
    )
  }
})

/** Runs a block of commands below a heading of docs/consuming.md, as a reader would who has copied it. */
async function runRecipe(
  title: string,
  index: number,
  cwd: string,
  env: Record<string, string>,
): Promise<void> {
  const page = readFileSync(join(import.meta.dirname, '../../docs/consuming.md'), 'utf8')
  const [, section = ''] = page.split(`\n### ${title}\n`)
  const block = [...section.matchAll(/^```sh\n(.*?)^```$/gms)][index]![1]!
  await run('sh', ['-c', block], { cwd, env: { PATH: process.env.PATH!, ...env } })
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vss-consuming-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}
