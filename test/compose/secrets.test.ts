import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@vss-pipeline/local-stack'
import { expect, onTestFinished, test } from 'vitest'
import { createStack } from './stack.ts'

const newSecret = 'Bearer of-the-new-secret'
const oldSecret = 'Bearer of-the-old-secret'

test('secrets come from files: only those who know one may post, and no environment shows them', async () => {
  const folder = await secretsFolder({
    'webhook-secrets': `${newSecret}\n${oldSecret}\n`,
    'redis-url': 'redis://redis:6379\n',
    'database-url': 'postgres://vss:vss@postgres:5432/vss\n',
    'owner-database-url': 'postgres://vss:vss@postgres:5432/vss\n',
  })
  const stack = await createStack({
    files: ['deploy/compose/secrets.yml'],
    settings: { SECRETS_DIR: folder },
  })
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
  const [ingest] = await stack.containers('ingest')
  expect(JSON.stringify(ingest!.inspected)).not.toContain(oldSecret)
})

async function postWith(url: string, headers: Record<string, string>): Promise<number> {
  return (await fetch(url, { method: 'POST', body: '{}', headers })).status
}

/** Only its owner may enter the folder; the files themselves are read by the containers' user. */
async function secretsFolder(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vss-secrets-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), content)
    await chmod(join(folder, name), 0o444)
  }
  return folder
}
