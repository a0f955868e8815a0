import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@vss-pipeline/local-stack'
import { expect, onTestFinished, test } from 'vitest'
import { createStack } from './stack.ts'

const ofMigrator = 'of-the-migrator'
const ofWriter = 'of-the-writer'
const ofSupport = 'of-support'
const ofConsole = 'of-the-console'
const newSecret = 'Bearer of-the-new-secret'
const oldSecret = 'Bearer of-the-old-secret'

test('with secrets in files, only a sender with a secret may post, and no environment shows the secrets', async () => {
  const folder = await secretsFolder({
    'webhook-secrets': `${newSecret}\n${oldSecret}\n`,
    'redis-url': 'redis://redis:6379\n',
    'database-url': `postgres://vss_writer:${ofWriter}@postgres:5432/vss\n`,
    'support-database-url': `postgres://vss_support:${ofSupport}@postgres:5432/vss\n`,
    'console-password': `${ofConsole}\n`,
    'owner-database-url': `postgres://vss_migrator:${ofMigrator}@postgres:5432/vss\n`,
  })
  const stack = await createStack({
    files: ['deploy/compose/secrets.yml'],
    settings: { SECRETS_DIR: folder },
  })
  const { code, output } = await stack.compose(['up', '-d', 'roles'])
  expect(code, output).toBe(0)
  const isMade = `SELECT count(*) FROM pg_roles WHERE rolname IN ('vss_migrator', 'vss_writer', 'vss_support')`
  await until('The roles', async () => (await stack.psql(isMade)) === '3', { timeoutMs: 10_000 })
  for (const [role, password] of [
    ['vss_migrator', ofMigrator],
    ['vss_writer', ofWriter],
    ['vss_support', ofSupport],
  ]) {
    await stack.psql(`ALTER ROLE ${role} PASSWORD '${password}'`)
  }
  await stack.up()
  const pool = await stack.openPool()

  expect(await postWith(stack.webhookUrl, {})).toBe(401)
  expect(await postWith(stack.webhookUrl, { authorization: 'wrong' })).toBe(401)
  expect(await postWith(stack.webhookUrl, { authorization: oldSecret })).toBe(200)
  await until(
    'The delivery in the ledger',
    async () => (await pool.query('SELECT FROM vss.deliveries')).rowCount === 1,
    { timeoutMs: 10_000 },
  )
  const status = await stack.compose(['run', '--rm', '--no-deps', '-T', 'migrate', 'vss', 'status'])
  expect(status.code, status.output).toBe(0)
  for (const service of ['ingest', 'worker', 'console', 'migrate', 'roles', 'postgres'] as const) {
    const [container] = await stack.containers(service)
    const inspected = JSON.stringify(container!.inspected)
    for (const secret of [oldSecret, newSecret, ofWriter, ofMigrator, ofSupport, ofConsole])
      expect(inspected).not.toContain(secret)
  }
})

async function postWith(url: string, headers: Record<string, string>): Promise<number> {
  return (await fetch(url, { method: 'POST', body: '{}', headers })).status
}

/** Only this user may enter the folder. Its files are readable by all, because the containers run as another user. */
async function secretsFolder(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vss-secrets-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), content)
    await chmod(join(folder, name), 0o444)
  }
  return folder
}
