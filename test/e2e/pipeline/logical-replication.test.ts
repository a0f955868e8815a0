import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTemporaryFolder, until } from '@vss-pipeline/local-stack'
import { createWriter } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { rowsOf } from '../../support/databases.ts'
import { callLeg, delivery, session } from '../../support/entries.ts'
import { openPool } from '../../support/open-storage.ts'
import { as, createRoles } from '../../support/roles.ts'
import { startTestPostgres } from '../../support/servers/postgres.ts'

const page = new URL('../../../docs/consuming.md', import.meta.url)

/** Two servers: a subscription to a database of the same server waits for itself. */
let servers: { publisher: string; subscriber: string }

beforeAll(async () => {
  const folder = await createTemporaryFolder()
  const publisher = await startTestPostgres(join(folder.path, 'publisher'))
  const subscriber = await startTestPostgres(join(folder.path, 'subscriber'))
  servers = { publisher: publisher.url, subscriber: subscriber.url }
  return async () => {
    await subscriber.stop()
    await publisher.stop()
    await folder.remove()
  }
})

test('the statements of docs/consuming.md keep sessions and legs in a second Postgres, by logical replication', async () => {
  const publisher = databaseOf(servers.publisher, 'vss')
  await rowsOf(servers.publisher, 'CREATE DATABASE vss')
  await createRoles(publisher)
  const owner = as('vss_migrator', publisher)
  await migrate({ databaseUrl: owner })
  await migrate({ databaseUrl: servers.subscriber })
  const writer = createWriter({ pool: openPool(publisher), pipelineVersion: 'test' })
  const now = Date.now()
  const kept = session({ legs: [callLeg('A'), callLeg('B')] })
  const deleted = session({ legs: [callLeg('A')] })
  await writer.write([delivery(kept, { receivedAtMs: now }), delivery(deleted, { receivedAtMs: now })])

  const statements = await statementsOfPage()
  for (const statement of statements.administrator) await rowsOf(publisher, statement)
  const [publish, watch] = statements.publisher
  await rowsOf(owner, publish!)
  const { hostname, port } = new URL(servers.publisher)
  for (const statement of statements.subscriber) {
    const connected = statement.replace('host=postgres.example.com', `host=${hostname} port=${port}`)
    await rowsOf(servers.subscriber, connected)
  }
  onTestFinished(async () => {
    await rowsOf(servers.subscriber, 'DROP SUBSCRIPTION vss')
  })
  await untilEqual('The first copy', publisher)

  // A correction updates the session and replaces its legs.
  const corrected = { ...kept, callCount: 1, legs: [callLeg('A', { status: 'BUSY' })] }
  const added = session({ legs: [callLeg('A'), callLeg('B'), callLeg('C')] })
  await writer.write([delivery(corrected, { receivedAtMs: now + 1 }), delivery(added)])
  await rowsOf(publisher, `DELETE FROM vss.sessions WHERE session_id = '${deleted.sessionId}'`)
  await untilEqual('The changes', publisher)

  const rows = await readAll(servers.subscriber)
  expect(rows.sessions).toHaveLength(2)
  expect(rows.legs).toHaveLength(4)
  expect(rows.sessions).toContainEqual(
    expect.objectContaining({ session_id: kept.sessionId, revision: 2, call_count: 1 }),
  )
  await expect(rowsOf(servers.subscriber, 'SELECT FROM vss.changes()')).rejects.toMatchObject({
    code: 'VF002',
  })
  expect(await rowsOf(owner, watch!)).toMatchObject([
    { slot_name: 'vss', active: true, wal_status: 'reserved' },
  ])
})

async function untilEqual(event: string, publisher: string): Promise<void> {
  const expected = await readAll(publisher)
  await until(
    event,
    async () => JSON.stringify(await readAll(servers.subscriber)) === JSON.stringify(expected),
    { timeoutMs: 20_000 },
  )
}

async function readAll(url: string) {
  return {
    sessions: await rowsOf(url, 'SELECT * FROM vss.sessions ORDER BY session_id'),
    legs: await rowsOf(url, 'SELECT * FROM vss.call_legs ORDER BY session_id, leg'),
  }
}

/** The statements of the SQL blocks that name their place: administrator, publisher or subscriber. */
async function statementsOfPage() {
  const text = await readFile(page, 'utf8')
  const of = (place: string) =>
    [...text.matchAll(new RegExp(`^\`\`\`sql ${place}\\n(.*?)^\`\`\`$`, 'gms'))]
      .flatMap(([, block]) => block!.split(/;$/m))
      .filter((statement) => statement.trim() !== '')
  return { administrator: of('administrator'), publisher: of('publisher'), subscriber: of('subscriber') }
}

function databaseOf(url: string, database: string): string {
  return Object.assign(new URL(url), { pathname: `/${database}` }).href
}
