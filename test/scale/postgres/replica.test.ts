import { readFile } from 'node:fs/promises'
import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import { follow, readConsumers } from '@vss-pipeline/reader'
import { expect, onTestFinished, test } from 'vitest'
import { countLedger, expectAccountedFor } from '../../support/accounting.ts'
import { startConsole, visit } from '../../support/console.ts'
import { connect } from '../../support/databases.ts'
import { completedSession } from '../../support/example-sessions.ts'
import { commit, first, readChanges, second, writeSession } from '../../support/feed-database.ts'
import { postUntilAcknowledged } from '../../support/load.ts'
import { openPool } from '../../support/open-storage.ts'
import { type RunningPipeline, startRunningPipeline } from '../../support/running-pipeline.ts'
import { type Standby, startPrimaryWithStandbys } from '../../support/standby.ts'
import { type VssEnv, vss } from '../../support/vss-command.ts'
import { sampleWatermark } from '../../support/watermark-samples.ts'

const count = 6_000

test('on a replica that is a little behind the feed misses no change, and the watermark passes no delivery before its row', async () => {
  const { pipeline, standby } = await startWithReplica()
  standby.delay(200)
  const watermark = sampleWatermark(standby.url)
  const end = new AbortController()
  onTestFinished(() => end.abort())
  const copy = new Map<string, number>()
  const copying = copyChanges(
    copy,
    { databaseUrl: pipeline.databaseUrl, readDatabaseUrl: standby.url },
    end.signal,
  )

  const events = generateEvents({ seed: 'replica', count, dirtyShare: 0.05 })
  const { acknowledged } = await postUntilAcknowledged(pipeline.webhookUrl, events, { connections: 8 })
  await expectAccountedFor(pipeline.pool, acknowledged, { withinMs: 60_000 })
  const ids = acknowledged.map(({ deliveryId }) => deliveryId)
  await watermark.untilPassed(ids, { timeoutMs: 30_000 })
  watermark.expectTrue(ids)

  const { rows } = await pipeline.pool.query<{ id: string; revision: number }>(
    'SELECT session_id AS id, revision FROM vss.sessions',
  )
  await until('A whole copy', () => rows.every(({ id, revision }) => copy.get(id) === revision), {
    timeoutMs: 20_000,
  })
  expect(copy.size).toBe(rows.length)
  end.abort()
  await copying
  expect(await readConsumers(openPool(pipeline.databaseUrl))).toMatchObject([
    { name: 'warehouse', state: 'up to date' },
  ])
  expect(await countLedger(openPool(standby.url))).toBe(count)
})

test('a replica that does not have the present feed yet is waited for, and a cursor that nobody knows is refused', async () => {
  const primary = await startPrimaryWithStandbys(1)
  const standby = primary.standbys[0]!
  const client = await connect(primary.url)
  await writeSession(client, first)
  const [old] = await readChanges(client)
  await standby.catchUp()
  standby.isolate()
  await client.query('SELECT vss.feed_restart()')
  const [{ cursor } = { cursor: '' }] = await readChanges(client)
  await commit(client, 'warehouse', cursor)

  const urls = { databaseUrl: primary.url, readDatabaseUrl: standby.url }
  const reasons: string[] = []
  const following = follow({ ...urls, consumer: 'warehouse', onAway: ({ message }) => reasons.push(message) })
  const next = following.next()
  await until('The wait for the replica', () => reasons.length > 0, { timeoutMs: 20_000 })
  expect(reasons).toEqual(['the replica does not have the feed of its primary yet'])
  standby.follow(primary.url)
  await writeSession(client, second)
  expect((await next).value?.map(({ sessionId }) => sessionId)).toEqual([second])
  await following.return?.()

  await expect(follow({ ...urls, from: old!.cursor }).next()).rejects.toMatchObject({ code: 'VF001' })
})

test('commands and console read from the replica while the primary is away, and say how old it is', async () => {
  const { pipeline, standby, kill } = await startWithReplica()
  const body = await readFile(new URL('../../fixtures/example-completed.json', import.meta.url))
  await fetch(pipeline.webhookUrl, { method: 'POST', body })
  await until('The row', async () => (await countLedger(pipeline.pool)) === 1, { timeoutMs: 10_000 })
  await standby.catchUp()
  const env: VssEnv = {
    DATABASE_URL: pipeline.databaseUrl,
    READ_DATABASE_URL: standby.url,
    REDIS_URL: pipeline.redisUrl,
    QUEUE_PREFIX: pipeline.queuePrefix,
  }
  const pages = visit(await startConsole({ databaseUrl: standby.url, prefix: pipeline.queuePrefix }))

  const tailed = await vss(['tail', '--consumer', 'export', '--from', 'beginning', '--max', '1'], env)
  expect(JSON.parse(tailed.stdout)).toMatchObject({ sessionId: completedSession.sessionId })
  expect(await readConsumers(openPool(pipeline.databaseUrl))).toMatchObject([{ name: 'export' }])
  expect((await vss(['status'], env)).stdout).toMatch(/; a replica whose latest\s+change is \S+ \S+ old/)
  expect(await codesOf('status', env)).not.toContain('replica_behind')
  expect(await codesOf('doctor', env)).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/^address|replica_behind/)]),
  )
  await pages.get('/')
  expect(pages.page).toMatch(/from a replica whose latest change is \S+ \S+ old/)

  await kill()
  await until(
    'A replica that is behind',
    async () => (await codesOf('status', env)).includes('replica_behind'),
    {
      timeoutMs: 30_000,
    },
  )
  expect(await codesOf('doctor', env)).toContain('replica_behind')
  for (const args of [
    ['sessions', 'show', completedSession.sessionId],
    ['sessions', 'find', '--since', '2024-01-01T00:00:00Z', '--until', '2024-12-31T00:00:00Z'],
    ['drift'],
    ['rejected'],
    ['tail', '--from', 'beginning', '--max', '1'],
  ]) {
    expect(await vss(args, env), args.join(' ')).toMatchObject({ stderr: '' })
  }
})

async function startWithReplica(): Promise<{
  pipeline: RunningPipeline
  standby: Standby
  kill(): Promise<void>
}> {
  const primary = await startPrimaryWithStandbys(1)
  const pipeline = await startRunningPipeline({ databaseUrl: primary.url })
  return { pipeline, standby: primary.standbys[0]!, kill: () => primary.kill() }
}

/** Follows as a consumer that is started again after every tenth batch. */
async function copyChanges(
  copy: Map<string, number>,
  urls: { databaseUrl: string; readDatabaseUrl: string },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    let batches = 0
    for await (const changes of follow({ ...urls, consumer: 'warehouse', maxRows: 100, signal })) {
      for (const { sessionId, revision } of changes) copy.set(sessionId, revision ?? 0)
      await changes.commit()
      if (++batches === 10) break
    }
  }
}

async function codesOf(command: 'status' | 'doctor', env: VssEnv): Promise<string[]> {
  const { stdout } = await vss([command, '--json'], env)
  return JSON.parse(stdout).findings.map(({ code }: { code: string }) => code)
}
