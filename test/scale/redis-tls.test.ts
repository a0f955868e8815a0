import { readFileSync } from 'node:fs'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { createTemporaryFolder } from '@vss-pipeline/local-stack'
import { createProducer, fetchRedisState } from '@vss-pipeline/queue'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { freshPrefix } from '../support/batches.ts'
import { makeAuthority, makeServerCertificate } from '../support/certificates.ts'
import { makeDelivery } from '../support/deliveries.ts'
import { createRecordingLogger } from '../support/recording-logger.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import type { RedisTls } from '../support/redis-node.ts'
import { startWatchedRedis } from '../support/redis-sentinels.ts'

const folder = await createTemporaryFolder()
const trusted = getCACertificates()
afterAll(() => folder.remove())

async function makeTls(): Promise<RedisTls> {
  const authority = await makeAuthority(folder.path, 'authority')
  const certificate = await makeServerCertificate(folder.path, {
    authority,
    name: 'redis',
    names: 'IP:127.0.0.1',
  })
  return { authority, certificate }
}

/** Does what NODE_EXTRA_CA_CERTS does in a process that starts. */
function trust({ authority }: RedisTls): void {
  setDefaultCACertificates([...trusted, readFileSync(authority.certFile, 'utf8')])
  onTestFinished(() => setDefaultCACertificates(trusted))
}

test.each([
  ['a cluster', startRedisCluster],
  ['sentinels and their primary', startWatchedRedis],
])('over TLS, the certificates of %s are verified', async (_, startRedis) => {
  const tls = await makeTls()
  const redis = await startRedis({ tls })
  onTestFinished(() => redis.stop())
  const prefix = freshPrefix()
  const { logger } = createRecordingLogger('silent')
  const address = { redisUrl: redis.url, prefix, shards: 1, logger }
  await expect(fetchRedisState(address)).rejects.toThrow(/unable to verify|self.signed/)

  trust(tls)
  const producer = createProducer({
    redisUrl: redis.url,
    prefix,
    logger,
    commandTimeoutMs: 2_000,
    waitReplicas: 1,
  })
  onTestFinished(() => producer.close())
  await producer.awaitConnection(5_000)
  await producer.enqueue([makeDelivery()])
  expect((await fetchRedisState(address)).queue.jobs.waiting).toBe(1)
})
