import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { until } from '@vss-pipeline/local-stack'
import { follow } from '@vss-pipeline/reader'
import { createWriter } from '@vss-pipeline/storage'
import { expect, onTestFinished, test } from 'vitest'
import { createTestDatabase } from '../../support/databases.ts'
import { delivery, session } from '../../support/entries.ts'
import { openPool } from '../../support/open-storage.ts'
import { startOwnPostgres } from '../../support/own-postgres.ts'

const postgres = await startOwnPostgres()

test('a standby is followed without a consumer; with one, the error says why not', async () => {
  const { url, drop } = await createTestDatabase(postgres.url)
  const pool = openPool(url)
  const content = session()
  await createWriter({ pool, pipelineVersion: 'test' }).write([delivery(content)])
  // Without a primary to follow the server stays in recovery.
  const signalFile = join(postgres.dataDir, 'standby.signal')
  onTestFinished(async () => {
    await postgres.stop()
    await rm(signalFile)
    await postgres.start()
    await drop()
  })
  await postgres.stop()
  await writeFile(signalFile, '')
  await postgres.start()

  const following = follow({ databaseUrl: url })
  const { value: changes } = await following.next()
  expect(changes?.map(({ sessionId }) => sessionId)).toEqual([content.sessionId])
  await following.return?.()
  const since = follow({ databaseUrl: url, from: 'now' })
  const next = since.next()
  await until(
    'A read',
    async () =>
      (await pool.query(`SELECT FROM pg_stat_activity WHERE query LIKE '%vss.changes(%'`)).rowCount! > 1,
    { timeoutMs: 10_000 },
  )
  await since.return?.()
  expect(await next).toEqual({ done: true, value: undefined })

  await expect(follow({ databaseUrl: url, consumer: 'billing' }).next()).rejects.toMatchObject({
    code: 'standby',
    message: expect.stringContaining('connect to the primary'),
  })
})
