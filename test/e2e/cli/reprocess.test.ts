import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import { reject } from '@vss-pipeline/pipeline'
import { createWriter } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import type { LedgerEntry } from '@vss-pipeline/vss'
import { expect, test } from 'vitest'
import { createEmptyDatabase, rowsOf } from '../../support/databases.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { openPool } from '../../support/open-storage.ts'
import { startOwnPostgres } from '../../support/own-postgres.ts'
import { as, createRoles } from '../../support/roles.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { linesOver80Columns, startVss, vss } from '../../support/vss-command.ts'

/** Only this file uses it: roles belong to a server, and other tests' transactions would hold the feed back. */
const postgres = await startOwnPostgres()

test('vss_operator brings back what a release has rejected, beside a worker, and the feed tells each once', async () => {
  const { url, env } = await databaseWithRejected(2_000)
  const pipeline = await startRunningPipeline({ databaseUrl: as('vss_writer', url) })
  const post = await vss(['send', '--count', '500', '--url', pipeline.webhookUrl, '--json'], {})
  expect(JSON.parse(post.stdout)).toMatchObject({ acknowledged: 500 })

  const planned = await vss(['reprocess', '--outcome', 'rejected', '--dry-run', '--json'], env)
  expect(JSON.parse(planned.stdout)).toMatchObject({
    dryRun: true,
    complete: true,
    judged: 2_000,
    counts: [{ from: 'rejected', to: 'stored', effect: 'judged', deliveries: 2_000 }],
  })
  expect(await outcomesOf(url)).toMatchObject({ rejected: 2_000 })

  const { exitCode, stdout, stderr } = await vss(['reprocess', '--outcome', 'rejected', '--yes'], env)

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toMatch(
    /^Judged again: 2,000 deliveries, .* s, [\d,]+\/s\n\n {2}outcome +deliveries\n {2}rejected -> stored +2,000\n\n {2}rejected -> stored, such as\n( {4}[0-9a-f-]{36}\n){5}$/,
  )
  expect(linesOver80Columns(stdout)).toEqual([])
  expect(await outcomesOf(url)).toEqual({ stored: 2_500 })
  const told = await until(
    'The feed',
    async () => {
      const rows = await rowsOf<{ session_id: string; revision: number }>(
        as('vss_reader', url),
        'SELECT session_id, revision FROM vss.changes(NULL, 10000)',
      )
      return rows.length >= 2_500 ? rows : undefined
    },
    { timeoutMs: 20_000 },
  )
  expect(new Set(told.map(({ session_id }) => session_id)).size).toBe(2_500)
  expect(told.filter(({ revision }) => revision !== 1)).toEqual([])

  const again = await vss(['reprocess', '--yes', '--json'], env)
  expect(JSON.parse(again.stdout).counts).toMatchObject([
    { from: 'stored', to: 'stored', effect: 'none', deliveries: 2_500 },
  ])
})

test('a run that is killed leaves the rest for the next, and one that is told to stop says where to go on', {
  timeout: 120_000,
}, async () => {
  const { url, env } = await databaseWithRejected(4_000)
  const isUnderWay = async () => ((await outcomesOf(url)).stored ?? 0) > 0

  const killed = startVss(['reprocess', '--yes', '--rate', '1000'], env)
  await until('Its first page', isUnderWay, { timeoutMs: 60_000 })
  killed.process.kill('SIGKILL')
  await killed.ended
  const afterKill = (await outcomesOf(url)).stored!
  expect(afterKill).toBeLessThan(4_000)

  let command = ['reprocess', '--outcome', 'rejected', '--rate', '1000', '--yes']
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const before = (await outcomesOf(url)).stored!
    const stopped = startVss(command, env)
    await until('Its next page', async () => (await outcomesOf(url)).stored! > before, { timeoutMs: 60_000 })
    stopped.process.kill(signal)
    const { exitCode, stderr } = await stopped.ended
    expect(exitCode).toBe(1)
    const [, judged, goOn] = /^vss: stopped: ([\d,]+) judged; go on with: vss (.+)\n$/.exec(stderr) ?? []
    expect(Number(judged!.replace(',', ''))).toBeGreaterThan(0)
    expect(goOn).toMatch(/^reprocess --since \S+Z --outcome rejected --rate 1000 --yes$/)
    command = goOn!.split(' ')
  }

  expect(await vss(command, env)).toMatchObject({ exitCode: 0 })
  expect(await outcomesOf(url)).toEqual({ stored: 4_000 })
})

test('it changes nothing unless that is confirmed, and says which role it takes', async () => {
  const { url, env } = await databaseWithRejected(1)

  expect(await vss(['reprocess'], env)).toEqual({
    exitCode: 2,
    stdout: '',
    stderr: 'vss: reprocessing writes sessions and outcomes anew: give --yes to confirm it\n',
  })
  const { exitCode, stderr } = await vss(['reprocess', '--yes'], { DATABASE_URL: as('vss_reader', url) })
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(
    /^vss: postgres:.*permission denied.*deploy\/postgres\/roles.sql has one that may\n$/,
  )
  expect(await outcomesOf(url)).toEqual({ rejected: 1 })
})

test('a delivery that killed its workers is judged only when that is asked for', async () => {
  const { url, env } = await databaseWith([
    reject(makeDelivery('{}'), [{ code: 'kills_worker', path: '', message: 'killed' }]),
  ])
  const judged = async (...args: string[]) =>
    JSON.parse((await vss(['reprocess', '--dry-run', '--json', ...args], env)).stdout).judged
  const [row] = await rowsOf<{ id: string }>(url, 'SELECT delivery_id AS id FROM vss.deliveries')

  expect(await judged()).toBe(0)
  expect(await judged('--outcome', 'rejected')).toBe(0)
  expect(await judged('--reason', 'kills_worker')).toBe(1)
  expect(await judged('--delivery', row!.id)).toBe(1)
})

async function databaseWithRejected(count: number) {
  const events = generateEvents({ seed: 'reprocess', count })
  return await databaseWith(
    [...events].map(({ body }) =>
      reject(makeDelivery(body), [{ code: 'invalid_field', path: 'payload', message: 'an earlier release' }]),
    ),
  )
}

/** @returns its URL, and the environment of an operator. */
async function databaseWith(entries: LedgerEntry[]) {
  const { url } = await createEmptyDatabase(postgres.url)
  await createRoles(url)
  await migrate({ databaseUrl: as('vss_migrator', url) })
  const writer = createWriter({ pool: openPool(url), pipelineVersion: 'earlier' })
  for (let first = 0; first < entries.length; first += 500)
    await writer.write(entries.slice(first, first + 500))
  return { url, env: { DATABASE_URL: as('vss_operator', url) } }
}

async function outcomesOf(url: string): Promise<Record<string, number>> {
  const rows = await rowsOf<{ outcome: string; count: number }>(
    url,
    'SELECT outcome, count(*)::integer AS count FROM vss.deliveries GROUP BY outcome',
  )
  return Object.fromEntries(rows.map(({ outcome, count }) => [outcome, count]))
}
