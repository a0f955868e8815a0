import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import { expect, test } from 'vitest'
import { expectAccountedFor } from '../../support/accounting.ts'
import { startFaultyPipeline } from '../../support/faulty-pipeline.ts'
import { postUntilAcknowledged } from '../../support/load.ts'
import { openAdminPool } from '../../support/open-storage.ts'
import { isWorkerReady } from '../../support/outages.ts'

test('connections that turned read-only are replaced by new ones that may write', async () => {
  const pipeline = await startFaultyPipeline()
  const { webhookUrl, pool, postgres } = pipeline
  const before = generateEvents({ seed: 'before failover', count: 200 })
  const load = await postUntilAcknowledged(webhookUrl, before, { connections: 16 })
  await expectAccountedFor(pool, load.acknowledged, { withinMs: 10_000 })

  // As behind one address after a failover: who is connected may only read, who connects now may write.
  const admin = openAdminPool(postgres.url)
  await admin.query('ALTER ROLE CURRENT_USER SET default_transaction_read_only = off')
  await admin.query('ALTER SYSTEM SET default_transaction_read_only = on')
  await admin.query('SELECT pg_reload_conf()')
  const isReadOnly = async () =>
    (await admin.query(`SELECT current_setting('default_transaction_read_only') AS value`)).rows[0].value ===
    'on'
  await until('The reload', isReadOnly, { timeoutMs: 5_000 })

  const after = generateEvents({ seed: 'after failover', count: 20 })
  const { acknowledged } = await postUntilAcknowledged(webhookUrl, after, { connections: 1 })
  await expectAccountedFor(pool, acknowledged, { withinMs: 5_000 })
  expect(await isWorkerReady(pipeline)).toBe(true)
})
