import { randomUUID } from 'node:crypto'
import { until } from '@vss-pipeline/local-stack'
import { tellMark } from '@vss-pipeline/queue'
import { readWatermark } from '@vss-pipeline/storage'
import { expect, inject, it, onTestFinished } from 'vitest'
import { createTestDatabase } from '../../support/databases.ts'
import { openProducer } from '../../support/producer.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { linesOver80Columns, vss } from '../../support/vss-command.ts'

const soon = { timeoutMs: 20_000 }

it('lists the ingests, and forgets one that is gone for good but none that runs', async () => {
  const pipeline = await startRunningPipeline()
  const { databaseUrl, redisUrl, queuePrefix, pool } = pipeline
  const env = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, QUEUE_PREFIX: queuePrefix }
  await until('The ingest', async () => (await readWatermark(pool)).ingests.length === 1, soon)
  const [running] = (await readWatermark(pool)).ingests

  // The ingest that is lost spoke an hour ago.
  const producer = await openProducer(pipeline)
  const lost = {
    id: 'f'.repeat(32),
    place: `lost:/${'spool'.repeat(20)}`,
    hasSpool: true,
    shards: 1,
    processId: randomUUID(),
  }
  const hourAgoMs = Date.now() - 3_600_000
  const { text } = await tellMark(producer.client, queuePrefix, {
    ...lost,
    untilMs: hourAgoMs,
    clockMs: hourAgoMs,
  })
  const old = text.replace(/ \d+ /, ` ${hourAgoMs} `)
  await producer.client.hset(`${queuePrefix}:ingests`, lost.id, old)
  await until('The lost one', async () => (await readWatermark(pool)).ingests.length === 2, soon)

  const table = await vss(['ingests', 'list'], env)
  expect(table.stdout).toMatch(/^INGEST +LAST WORD +BEHIND +PLACE\n/)
  expect(table.stdout).toMatch(new RegExp(`^${lost.id} +1 h 0 min +1 h 0 min +lost:/spool`, 'm'))
  expect(linesOver80Columns(table.stdout)).toEqual([])
  const { stdout } = await vss(['ingests', 'list', '--json'], env)
  expect(JSON.parse(stdout)).toContainEqual({
    id: lost.id,
    place: lost.place,
    hasSpool: true,
    completeUntil: new Date(hourAgoMs).toISOString(),
    toldAt: new Date(hourAgoMs).toISOString(),
  })

  expect(await vss(['ingests', 'forget', lost.id], env)).toEqual({
    exitCode: 2,
    stdout: '',
    stderr:
      'vss: the watermark will pass deliveries that this ingest has in its spool: give --yes to confirm it\n',
  })
  expect(await vss(['ingests', 'forget', lost.id, '--dry-run'], env)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^would forget\n/),
  })
  expect(await vss(['ingests', 'forget', running!.id, '--yes'], env)).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: `vss: ingest ${running!.id} runs: stop it first, and it says goodbye by itself\n`,
  })
  expect(await vss(['ingests', 'forget', lost.id, '--yes'], env)).toEqual({
    exitCode: 0,
    stdout: `forgot ingest ${lost.id}\n`,
    stderr: '',
  })
  await until(
    'A watermark that goes on',
    async () => ((await readWatermark(pool)).completeUntilMs ?? 0) > hourAgoMs + 60_000,
    soon,
  )
  expect((await readWatermark(pool)).ingests.map(({ id }) => id)).toEqual([running!.id])
})

it('says that no ingest is known', async () => {
  const { url, drop } = await createTestDatabase(inject('databaseUrl'))
  onTestFinished(drop)
  const env = { DATABASE_URL: url }
  expect((await vss(['ingests', 'list'], env)).stdout).toBe('no ingest is known\n')
  expect(await vss(['ingests', 'forget', 'x', '--yes'], env)).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'vss: there is no ingest "x": vss ingests list shows them\n',
  })
})
