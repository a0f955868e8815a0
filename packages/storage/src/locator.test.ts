import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createLocator } from './locator.ts'

// A rejection that nobody handles ends the process, and fails this run.
test('a certificate that cannot be read while hosts are looked for is a fault of each host, and ends nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vss-locator-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const certificate = join(folder, 'ca.pem')
  await writeFile(certificate, '')
  const locator = createLocator(
    `postgres://user@127.0.0.1:1,127.0.0.1:2/name?target_session_attrs=read-write&sslmode=verify-full&sslrootcert=${certificate}`,
  )
  await rm(certificate)
  await expect(locator.locate()).rejects.toMatchObject({
    code: 'database_unavailable',
    message: expect.stringMatching(/127\.0\.0\.1:1: .*ENOENT.*; 127\.0\.0\.1:2: .*ENOENT/),
  })
})
