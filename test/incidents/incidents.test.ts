import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createTemporaryFolder, until } from '@vss-pipeline/local-stack'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { killProcess } from '../support/faulty-server.ts'
import { openAdminPool } from '../support/open-storage.ts'
import { logOf, mountDiskForPostgres, moveLedgerTo } from '../support/postgres-disk.ts'
import { mayMount, mountSmallDisk } from '../support/small-disk.ts'
import { bodyOf, completedExample } from '../support/vendor-examples.ts'
import { expectCalm, makeSilent, type Scene, startScene, verdictOf, well } from './scene.ts'

const withoutSpool = { SPOOL_DIR: '' }
const secret = 'a-secret-of-these-tests'

test('Redis is gone, and comes back', async () => {
  const scene = await startScene()
  await expectCalm(scene)
  await scene.redis.stop()
  expect(await scene.post(5)).toEqual(Array(5).fill(200))

  await scene.untilFiring('VssRedisAway', 'VssSpoolHolds')
  await scene.untilStatus(1, /^Redis is away; deliveries are safe in the spool at /)

  await scene.redis.start()
  await scene.untilFiring()
  await scene.untilStatus(0, well)
})

test('Redis is nearly full, and there is no spool', async () => {
  const scene = await startScene({ env: withoutSpool })
  await expectCalm(scene)
  await limitMemory(scene, 1.1)
  await scene.untilFiring('VssRedisNearlyFull')

  expect(await scene.post(1)).toEqual([503])
  await scene.untilFiring('VssDeliveriesNotKept', 'VssRedisNearlyFull')
  await scene.untilStatus(1, /^1 POST of the last hour could not be kept/)
})

test('the workers are killed', async () => {
  const scene = await startScene({ workers: 2 })
  await expectCalm(scene)
  for (const worker of scene.workers) await killProcess(worker)
  await scene.post(3)

  await scene.untilFiring('VssNoWorker', 'VssProcessAway')
  await scene.untilStatus(1, /^No worker has run for .* 3 deliveries wait/)

  await scene.startWorker()
  scene.prometheus.watch({ 'vss-worker': [scene.services.at(-1)!.opsUrl] })
  await scene.untilFiring()
  await scene.untilStatus(0, well)
})

test('the workers are frozen', async () => {
  const scene = await startScene({ workers: 2 })
  await expectCalm(scene)
  for (const { pid } of scene.workers) process.kill(pid, 'SIGSTOP')
  onTestFinished(() => {
    for (const { pid } of scene.workers) process.kill(pid, 'SIGCONT')
  })
  await scene.post(3)

  await scene.untilFiring('VssNoWorker', 'VssProcessAway')
  await scene.untilStatus(1, /^No worker has run for .* 3 deliveries wait/)

  for (const { pid } of scene.workers) process.kill(pid, 'SIGCONT')
  await scene.untilFiring()
  await scene.untilStatus(0, well)
})

test('Postgres is gone, and comes back', async () => {
  const scene = await startScene()
  await expectCalm(scene)
  await scene.postgres.stop()
  expect(await scene.post(5)).toEqual(Array(5).fill(200))

  await scene.untilFiring('VssPostgresAway')
  await scene.untilStatus(1, /^Postgres is away; 5 deliveries are safe in Redis/)

  await scene.postgres.start()
  await scene.untilFiring()
  await scene.untilStatus(0, well)
})

test.skipIf(!mayMount())('the disk of the spool is full while Redis is away', async () => {
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const mount = join(folder.path, 'disk')
  mkdirSync(mount)
  const disk = mountSmallDisk(mount, 32)
  onTestFinished(() => disk.unmount())
  const scene = await startScene({ env: { SPOOL_DIR: join(mount, 'spool') } })
  await expectCalm(scene)
  await scene.redis.stop()
  expect(await scene.post(5)).toEqual(Array(5).fill(200))
  disk.fill()
  await until('A refusal', async () => (await scene.post(1))[0] === 503, { timeoutMs: 30_000 })

  await scene.untilFiring('VssDeliveriesNotKept', 'VssRedisAway', 'VssSpoolHolds')
  await scene.untilStatus(1, /^Redis is away; /)
})

test.skipIf(!mayMount())('the disk of Postgres is full', async () => {
  const scene = await startScene()
  const admin = openAdminPool(scene.postgres.url)
  const disk = mountDiskForPostgres(scene, 'ledger-disk', 64)
  await moveLedgerTo(admin, disk.folder)
  await expectCalm(scene)
  disk.fill()
  await until(
    'A full disk',
    async () => {
      await scene.post(1)
      return logOf(scene).includes('No space left on device')
    },
    { timeoutMs: 30_000 },
  )

  await scene.untilFiring('VssQueueLate')
  await scene.untilStatus(1, /^A delivery has waited for /)

  disk.makeRoom()
  await scene.untilFiring()
  await scene.untilStatus(0, well)
})

test('the secret is wrong', async () => {
  const scene = await startScene({ env: { WEBHOOK_SECRETS: secret } })
  await expectCalm(scene, { Authorization: secret })
  expect(await scene.post(1, { Authorization: 'another' })).toEqual([401])

  const [alert] = await scene.untilFiring('VssPostsRefused')
  expect(alert!.annotations.summary).toBe('POSTs are refused as unauthorized: 1 in 5 minutes')

  await scene.post(12, { Authorization: 'another' })
  await scene.untilStatus(1, /^13 of 33 POSTs of the last hour were refused as unauthorized/)
})

test('the payload has changed', async () => {
  const scene = await startScene()
  await expectCalm(scene)
  const changed = { ...completedExample(), namespace: 'VCC' }
  await scene.post(Array(12).fill(bodyOf(changed)))

  await scene.untilFiring('VssRejectReasonNew', 'VssRejectsRise')
  await scene.untilStatus(1, /^12 of 32 deliveries of the last hour were rejected/)
})

test('the prefix of the worker has a typo', async () => {
  const scene = await startScene({ workers: 0 })
  await scene.startWorker({ QUEUE_PREFIX: '{vsss}' })
  scene.scrapeAll()
  await scene.post(3)

  await scene.untilFiring('VssNoWorker')
  await scene.untilStatus(1, /^No worker has run for .* 3 deliveries wait/)
  const typo = await scene.status('{vssss}')
  expect(typo.exitCode).toBe(1)
  expect(verdictOf(typo)).toMatch(/^There is no queue and no process under the prefix /)
})

test('nothing comes any more', async () => {
  const scene = await startScene({ workers: 0 })
  await makeSilent(scene, 'acme_8x8')
  await scene.startWorker()
  scene.scrapeAll()

  const [alert] = await scene.untilFiring('VssSubAccountSilent')
  expect(alert!.labels.sub_account_id).toBe('acme_8x8')
  await scene.untilStatus(0, /^Nothing comes, and nothing is wrong: the last delivery came 3\d min /)
})

/** Gives Redis this many times the memory that it uses now. */
async function limitMemory({ redis }: Scene, times: number): Promise<void> {
  const client = new Redis(redis.url)
  try {
    const used = Number(/used_memory:(\d+)/.exec(await client.info('memory'))![1])
    await client.config('SET', 'maxmemory', Math.round(used * times))
  } finally {
    client.disconnect()
  }
}
