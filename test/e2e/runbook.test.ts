import { execFile } from 'node:child_process'
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createTemporaryFolder, findOnPath, startRedis } from '@vss-pipeline/local-stack'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { documentedQueries } from '../support/documented-queries.ts'
import { startFaultyServer } from '../support/faulty-server.ts'
import { openStorage } from '../support/open-storage.ts'

const run = promisify(execFile)
const page = readFileSync(join(import.meta.dirname, '../../docs/runbook.md'), 'utf8')

test.skipIf(!findOnPath('redis-check-aof'))(
  'a Redis with bytes behind the end of its file starts after the commands of the runbook, with all that it had',
  async () => {
    const folder = await createTemporaryFolder()
    onTestFinished(() => folder.remove())
    const dataDir = join(folder.path, 'redis')
    const redis = await startFaultyServer(() => startRedis({ dataDir, port: 0 }))
    onTestFinished(() => redis.stop())
    await withClient(redis.url, async (client) => {
      for (const key of Array(100).keys()) await client.set(`key ${key}`, 'kept')
    })
    await redis.kill()
    const cwd = join(dataDir, 'data')
    appendFileSync(join(cwd, 'appendonlydir', 'appendonly.aof.1.incr.aof'), Buffer.alloc(100))

    const [, section = ''] = page.split('\n## Redis does not start after a power cut\n')
    const [log = ''] = /(?<=^```\n).*?(?=\n```$)/ms.exec(section)!
    await expect(redis.start()).rejects.toThrow()
    expect(readFileSync(`${dataDir}.log`, 'utf8')).toContain(log)

    const [look, cut] = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block!)
    // It exits 1, because the file is not as it should be.
    const looked = await runBlock(look!, cwd).catch((error) => error)
    expect(looked.stdout).toMatch(/size=(\d+), ok_up_to=\d+, .*diff=100/)
    const { stdout } = await runBlock(cut!, cwd)
    expect(stdout).toContain('All AOF files and manifest are valid')

    await redis.start()
    await withClient(redis.url, async (client) => expect(await client.dbsize()).toBe(100))
  },
)

test('the queries of the runbook run', async () => {
  const { pool } = await openStorage()
  const queries = await documentedQueries('docs/runbook.md')
  expect(queries).toHaveLength(4)
  for (const { text } of queries) await expect(pool.query(text), text).resolves.toBeDefined()
})

async function runBlock(block: string, cwd: string): Promise<{ stdout: string }> {
  return await run('sh', ['-c', block], { cwd, env: { PATH: process.env.PATH! } })
}

async function withClient(url: string, use: (client: Redis) => Promise<void>): Promise<void> {
  const client = new Redis(url)
  try {
    await use(client)
  } finally {
    client.disconnect()
  }
}
