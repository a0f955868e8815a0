import { execFileSync } from 'node:child_process'
import { renameSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTemporaryFolder, until } from '@vss-pipeline/local-stack'
import { request } from 'undici'
import { expect, inject, onTestFinished, test } from 'vitest'
import { freshPrefix } from '../../support/batches.ts'
import { type IngestProcess, spawnIngest, untilListening, untilLogged } from './ingest-process.ts'

interface Rotation {
  ingest: IngestProcess
  statusWith(secret: string): Promise<number>
  /** Puts another file in the place of the secrets' file, as mounted secrets are changed. */
  replace(content: string): Promise<void>
  replaceByFifo(): void
}

async function startWithSecrets(content: string): Promise<Rotation> {
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const file = join(folder.path, 'secrets')
  await writeFile(file, content)
  const ingest = spawnIngest({
    PORT: '0',
    OPS_PORT: '0',
    REDIS_URL: inject('redisUrl'),
    QUEUE_PREFIX: freshPrefix(),
    WEBHOOK_SECRETS_FILE: file,
  })
  const { url } = await untilListening(ingest)
  return {
    ingest,
    async statusWith(authorization) {
      const response = await request(url, { method: 'POST', body: '{}', headers: { authorization } })
      await response.body.dump()
      return response.statusCode
    },
    async replace(content) {
      await writeFile(`${file}.new`, content)
      await rename(`${file}.new`, file)
    },
    replaceByFifo() {
      execFileSync('mkfifo', [`${file}.new`])
      renameSync(`${file}.new`, file)
    },
  }
}

test('secrets from a file are rotated without a restart', async () => {
  const { statusWith, replace, ingest } = await startWithSecrets('old\n')
  expect([await statusWith('old'), await statusWith('new')]).toEqual([200, 401])
  await replace('new\nold\n')
  await until('the new secret to count', async () => (await statusWith('new')) === 200, { timeoutMs: 5_000 })
  expect(await statusWith('old')).toBe(200)
  await replace('new\n')
  await until('the old one to be withdrawn', async () => (await statusWith('old')) === 401, {
    timeoutMs: 5_000,
  })
  expect(await statusWith('new')).toBe(200)
  expect(JSON.stringify(ingest.log())).not.toMatch(/"(old|new)"/)
})

test.each([
  ['is empty', ''],
  ['holds nothing but separators', ' \r\n\n'],
])('a file that %s changes nothing: the previous secrets stay valid', async (_, content) => {
  const { statusWith, replace, ingest } = await startWithSecrets('old')
  await replace(content)
  await untilLogged(ingest, 'WEBHOOK_SECRETS_FILE gives no secrets: the previous ones stay valid')
  expect([await statusWith('old'), await statusWith('')]).toEqual([200, 401])
})

test('a comma is part of a secret in a file: no part of it is authentic', async () => {
  const { statusWith } = await startWithSecrets('Digest a, b=c\nother\n')
  const statuses = [await statusWith('Digest a, b=c'), await statusWith('Digest a'), await statusWith('b=c')]
  expect(statuses).toEqual([200, 401, 401])
})

test('a file that becomes a FIFO holds up no request: the previous secrets stay valid', async () => {
  const { statusWith, replaceByFifo, ingest } = await startWithSecrets('old')
  const { opsPort } = await untilLogged(ingest, 'listening')
  replaceByFifo()
  const line = await untilLogged(
    ingest,
    'WEBHOOK_SECRETS_FILE gives no secrets: the previous ones stay valid',
  )
  expect(line.reason).toBe('not a regular file')
  expect([await statusWith('old'), await statusWith('')]).toEqual([200, 401])
  expect((await request(`http://127.0.0.1:${opsPort}/livez`)).statusCode).toBe(200)
  ingest.child.kill('SIGTERM')
  expect(await ingest.exited).toBe(0)
})
