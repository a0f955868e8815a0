import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTemporaryFolder, until } from '@vss-pipeline/local-stack'
import {
  findSessions,
  follow,
  readDatabaseState,
  readDelivery,
  readExpired,
  readFeedState,
  readNumberSearch,
  readSession,
} from '@vss-pipeline/reader'
import { beatFeed, createWriter, letGo, type Pool, pingDatabase } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import { beforeAll, expect, test } from 'vitest'
import {
  functions,
  privileges,
  type Role,
  type RolePrivileges,
  tables,
} from '../../../packages/storage/src/privileges.ts'
import { readBody } from '../../support/accounting.ts'
import { createEmptyDatabase, rowsOf } from '../../support/databases.ts'
import { callLeg, delivery, deliveryIdAt, session } from '../../support/entries.ts'
import { completedSession, errorSession } from '../../support/example-sessions.ts'
import { monthStart, partitionName } from '../../support/ledger-partitions.ts'
import { openPool } from '../../support/open-storage.ts'
import { as, createRoles, roles, rolesFile, withUser } from '../../support/roles.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { startTestPostgres } from '../../support/servers/postgres.ts'
import { vss } from '../../support/vss-command.ts'

const denied = /permission denied|must be owner/

/** The URL of a server that only this file uses: roles belong to a whole server, and other test files share one. */
let serverUrl: string
/** A user as managed Postgres gives it: it may create roles and databases, but is no superuser. */
const administrator = { user: 'administrator', password: 'administrator' }

beforeAll(async () => {
  const folder = await createTemporaryFolder()
  const server = await startTestPostgres(join(folder.path, 'postgres'))
  serverUrl = server.url
  const { user, password } = administrator
  await runSql(serverUrl, `CREATE ROLE ${user} LOGIN CREATEDB CREATEROLE PASSWORD '${password}'`)
  return async () => {
    await server.stop()
    await folder.remove()
  }
})

test('the pipeline works with its roles: the migrator migrates, the worker only writes', async () => {
  const { url: databaseUrl } = await createEmptyDatabase(serverUrl)
  await createRoles(databaseUrl)
  await migrate({ databaseUrl: as('vss_migrator', databaseUrl) })
  // The worker must make the missing partition when it starts.
  const nextMonth = partitionName(1)
  await runSql(databaseUrl, `DROP TABLE vss.${nextMonth}`)

  const pipeline = await startRunningPipeline({ databaseUrl: as('vss_writer', databaseUrl) })
  const owner = openPool(as('vss_migrator', databaseUrl))
  const post = async (body: Uint8Array | string) => {
    const response = await fetch(pipeline.webhookUrl, { method: 'POST', body })
    expect(response.status).toBe(200)
    return ((await response.json()) as { deliveryId: string }).deliveryId
  }
  await post(await example('example-completed.json'))
  await post(await example('example-error.json'))
  // A correction updates the session and replaces its legs.
  const text = (await example('example-completed.json')).toString()
  await until('The first session', () => readSession(owner, completedSession.sessionId), {
    timeoutMs: 5_000,
  })
  await post(text.replace('"callDuration": 13', '"callDuration": 12'))
  const malformedId = await post('{"payload":')

  const rejected = await until('The rejection', () => readDelivery(owner, malformedId), { timeoutMs: 5_000 })
  expect(rejected.outcome).toBe('rejected')
  const metrics = await (await fetch(`${pipeline.workers[0]!.opsUrl}/metrics`)).text()
  expect(metrics).toMatch(/^vss_feed_barrier_age_seconds \d/m)
  expect(await readBody(owner, malformedId)).toEqual(Buffer.from('{"payload":'))
  const corrected = await until(
    'The correction',
    async () => {
      const stored = await readSession(owner, completedSession.sessionId)
      return stored?.session.revision === 2 ? stored : undefined
    },
    { timeoutMs: 5_000 },
  )
  expect(corrected.legs).toHaveLength(completedSession.legs.length)
  expect(await readSession(owner, errorSession.sessionId)).toMatchObject({
    legs: errorSession.legs.map(({ callId }) => ({ callId })),
    deliveries: [{ outcome: 'stored' }],
  })

  await until('The next month’s partition', () => hasTable(databaseUrl, nextMonth), { timeoutMs: 5_000 })
  await insertDelivery(pipeline.pool, monthStart(1))
  expect(await rowsOf(databaseUrl, `SELECT outcome FROM vss.${nextMonth}`)).toEqual([{ outcome: 'rejected' }])
  expect(await ownersOfSchema(databaseUrl)).toEqual(['vss_migrator'])
})

test('the writer cannot read or change the ledger, change tables, or give itself more rights', async () => {
  const databaseUrl = await migratedDatabase()
  const month = partitionName(0)
  await pingDatabase(openPool(as('vss_writer', databaseUrl)))

  const statements = [
    'CREATE TABLE vss.mine ()',
    'CREATE VIEW vss.mine AS SELECT 1 AS one',
    `CREATE FUNCTION vss.mine() RETURNS integer LANGUAGE sql RETURN 1`,
    'CREATE SCHEMA mine',
    'ALTER TABLE vss.sessions ADD COLUMN mine text',
    'ALTER TABLE vss.deliveries DETACH PARTITION vss.deliveries_default',
    'CREATE INDEX ON vss.sessions (caller)',
    'DROP TABLE vss.call_legs',
    `DROP TABLE vss.${month}`,
    'DROP SCHEMA vss CASCADE',
    'TRUNCATE vss.call_legs',
    'TRUNCATE vss.deliveries',
    'DELETE FROM vss.sessions',
    'DELETE FROM vss.deliveries',
    `UPDATE vss.deliveries SET outcome = 'stored'`,
    `DELETE FROM vss.${month}`,
    `INSERT INTO vss.migrations (name, run_on) VALUES ('9999_mine', now())`,
    'SELECT vss.grant_to_roles()',
    'SET ROLE vss_migrator',
    'SELECT * FROM vss.migrations',
    'SELECT body FROM vss.deliveries',
    'SELECT body FROM vss.bodies',
    'SELECT delivery_id FROM vss.bodies',
    'DELETE FROM vss.bodies',
    `SELECT body FROM vss.${month}`,
    'SELECT * FROM vss.minutes',
    'SELECT * FROM vss.drift',
    'DELETE FROM vss.minute_tallies',
    'SELECT outcome, source_ip FROM vss.deliveries',
    'SELECT body_text FROM vss.rejected',
    `INSERT INTO vss.deliveries SELECT * FROM vss.deliveries RETURNING body`,
    `INSERT INTO vss.bodies VALUES (gen_random_uuid(), now(), '') RETURNING body`,
    `SELECT vss.make_partition('sessions', 'mine', now(), now())`,
  ]
  expect(await outcomesOf(as('vss_writer', databaseUrl), statements)).toEqual(
    statements.map((statement) => [statement, expect.stringMatching(denied)]),
  )
})

test('vss tells an operator who connects as vss_writer that this role may not read', async () => {
  const databaseUrl = as('vss_writer', await migratedDatabase())

  const { exitCode, stderr } = await vss(['sessions', 'show', completedSession.sessionId], {
    DATABASE_URL: databaseUrl,
  })

  expect(exitCode).toBe(1)
  expect(stderr).toMatch(
    /^vss: postgres:.*permission denied for table deliveries .*: its role may not do this; deploy\/postgres\/roles.sql has one that may\n$/,
  )
})

test('a worker gives the feed its heartbeat, also after a failover, and every role but the analyst sees its state', async () => {
  const databaseUrl = await migratedDatabase()
  const worker = openPool(as('vss_writer', databaseUrl))
  await createWriter({ pool: worker, pipelineVersion: 'test' }).write([delivery(session())])
  const reader = openPool(as('vss_reader', databaseUrl))
  const readCursor = async () =>
    (await reader.query<{ cursor: string }>('SELECT cursor FROM vss.changes()')).rows[0]?.cursor
  const cursor = await until('The session in the feed', readCursor, { timeoutMs: 5_000 })
  await reader.query(`SELECT vss.commit('billing', $1)`, [cursor])

  expect(await beatFeed(worker)).toBe('beat')
  await rowsOf(databaseUrl, 'UPDATE vss.feed SET timeline = timeline - 1')
  expect(await beatFeed(worker)).toBe('continued')

  await reader.query('SELECT FROM vss.changes($1)', [cursor])
  for (const role of roles.filter((name) => name !== 'vss_analyst')) {
    const state = await readFeedState(openPool(as(role, databaseUrl)))
    expect(state.consumers, role).toMatchObject([{ name: 'billing' }])
  }
})

test('the reader sees every table and view of the pipeline but no body, and writes nothing', async () => {
  const databaseUrl = await migratedDatabase()
  const readerUrl = as('vss_reader', databaseUrl)
  const reader = openPool(readerUrl)
  await insertDelivery(openPool(as('vss_writer', databaseUrl)), new Date())
  const [row] = await rowsOf<{ id: string }>(databaseUrl, 'SELECT delivery_id AS id FROM vss.deliveries')

  expect(await readDelivery(reader, row!.id)).toMatchObject({ deliveryId: row!.id })
  expect(await readSession(reader, completedSession.sessionId)).toBeNull()
  await expect(pingDatabase(reader)).rejects.toThrow('may not write to schema vss')
  for (const query of [
    'SELECT * FROM vss.sessions JOIN vss.call_legs USING (session_id)',
    'SELECT outcome, source_ip, reasons FROM vss.deliveries',
    'SELECT delivery_id, received_at, source_ip, reasons, session_id FROM vss.rejected',
  ]) {
    await reader.query(query)
  }

  const statements = [
    'SELECT * FROM vss.deliveries',
    'SELECT body FROM vss.deliveries',
    'SELECT delivery_id FROM vss.bodies',
    `SELECT body FROM vss.${partitionName(0)}`,
    'SELECT body_text FROM vss.rejected',
    'INSERT INTO vss.sessions DEFAULT VALUES',
    'UPDATE vss.sessions SET caller = NULL',
    'DELETE FROM vss.call_legs',
    'TRUNCATE vss.sessions',
    'DROP VIEW vss.rejected',
    'CREATE TABLE vss.mine ()',
    'SELECT vss.ensure_ledger_partitions(24)',
    'SELECT vss.feed_continue()',
    'SELECT vss.feed_restart()',
    'DELETE FROM vss.consumers',
    `INSERT INTO vss.minute_tallies VALUES (now(), '', 'rejected', 'webhook', 1)`,
    'SELECT vss.prune_minutes()',
    `SELECT vss.note_drift('[]')`,
    'UPDATE vss.feed SET timeline = 2',
    'SET ROLE vss_writer',
  ]
  expect(await outcomesOf(readerUrl, statements)).toEqual(
    statements.map((statement) => [statement, expect.stringMatching(denied)]),
  )
})

test('the reader follows the feed, commits, and removes its consumer', async () => {
  const databaseUrl = await migratedDatabase()
  const env = { DATABASE_URL: as('vss_reader', databaseUrl) }
  const writer = createWriter({ pool: openPool(as('vss_writer', databaseUrl)), pipelineVersion: 'test' })
  const content = session()
  await writer.write([delivery(content)])

  for (const consumer of ['from the beginning', 'from a place']) {
    const following = follow({ databaseUrl: env.DATABASE_URL, consumer, from: 'beginning' })
    const { value: changes } = await following.next()
    expect(changes).toMatchObject([{ sessionId: content.sessionId, legs: [{ leg: 'A' }, { leg: 'B' }] }])
    await changes!.commit()
    await following.return?.()
  }
  const since = follow({ databaseUrl: env.DATABASE_URL, consumer: 'since now', from: 'now' })
  const next = since.next()
  const names = async () => JSON.parse((await vss(['consumers', 'list', '--json'], env)).stdout) as unknown[]
  await until('The third consumer', async () => (await names()).length === 3, { timeoutMs: 10_000 })
  await since.return?.()
  await next
  const { exitCode } = await vss(['consumers', 'remove', 'since now', '--yes'], env)
  expect(exitCode).toBe(0)
  expect(await names()).toHaveLength(2)

  const restart = await vss(['feed', 'restart', '--yes'], env)
  expect(restart.exitCode).toBe(1)
  expect(restart.stderr).toMatch(/permission denied for function feed_restart.*its role may not do this/)
})

test.each(['vss_reader', 'vss_support', 'vss_operator'] as const)('%s may find sessions', async (role) => {
  const databaseUrl = await migratedDatabase()
  const writer = createWriter({ pool: openPool(as('vss_writer', databaseUrl)), pipelineVersion: 'test' })
  const call = session({ legs: [callLeg('A')] })
  await writer.write([delivery(call)])
  const search = {
    number: readNumberSearch('+12025550123')!,
    virtualNumber: readNumberSearch('0001')!,
    callId: call.legs[0]!.callId!,
    limit: 2,
  }

  const { sessions } = await findSessions(openPool(as(role, databaseUrl)), search)

  expect(sessions).toMatchObject([{ sessionId: call.sessionId }])
})

test.each(['vss_reader', 'vss_support', 'vss_operator'] as const)(
  '%s may read the state that vss status shows',
  async (role) => {
    const databaseUrl = await migratedDatabase()
    const state = await readDatabaseState(openPool(as(role, databaseUrl)), new Date())
    expect(state).toMatchObject({
      partitions: { months: 3 },
      rejectReasons: { sinceThen: { deliveries: 0 } },
    })
  },
)

test('privileges.ts has every table, view and function of the schema, with their columns', async () => {
  const databaseUrl = await migratedDatabase()

  const inSchema = await rowsOf<{ name: string; columns: string[] }>(
    databaseUrl,
    `SELECT relname AS name, array_agg(attname::text ORDER BY attnum) AS columns
     FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
     WHERE relnamespace = 'vss'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition
     GROUP BY relname`,
  )
  const inSchemaFunctions = await rowsOf<{ name: string }>(
    databaseUrl,
    `SELECT format('%s(%s)', proname, oidvectortypes(proargtypes)) AS name
     FROM pg_proc WHERE pronamespace = 'vss'::regnamespace`,
  )

  const sorted = Object.entries(tables).map(([name, columns]) => [name, [...columns].sort()])
  expect(Object.fromEntries(inSchema.map(({ name, columns }) => [name, columns.sort()]))).toEqual(
    Object.fromEntries(sorted),
  )
  expect(inSchemaFunctions.map(({ name }) => name).sort()).toEqual([...functions].sort())
})

test.each(roles)(
  '%s may do with each column, table and function what privileges.ts says, and no more',
  async (role) => {
    const databaseUrl = await migratedDatabase()
    const owner = openPool(as('vss_migrator', databaseUrl))
    // The partitions of coming months are made after the grants.
    await owner.query('SELECT vss.ensure_ledger_partitions(3)')
    const attempts = await attemptsOnSchema(owner)
    expect(attempts.map(({ object }) => object)).toContain(partitionName(3))
    const granted: RolePrivileges = privileges[role]

    const allowed = await allowedOf(as(role, databaseUrl), attempts)

    const expected = attempts.filter(({ object, privilege, column }) => {
      const columns = granted.tables[object as keyof typeof tables]?.[privilege as 'SELECT']
      return columns === 'every' || (column !== undefined && columns?.includes(column))
    })
    expect(allowed).toEqual(expected.filter(({ isPossible }) => isPossible).map(({ statement }) => statement))
    const { rows } = await owner.query<{ name: string }>(
      `SELECT format('%s(%s)', proname, oidvectortypes(proargtypes)) AS name
     FROM pg_proc WHERE pronamespace = 'vss'::regnamespace AND has_function_privilege($1, oid, 'EXECUTE')`,
      [role],
    )
    expect(rows.map(({ name }) => name).sort()).toEqual([...granted.functions].sort())
    expect(await privilegesWithoutStatement(owner, role)).toEqual([])
  },
)

test('the catalogue names each privilege that no statement without rows needs', async () => {
  const databaseUrl = await migratedDatabase()
  const owner = openPool(as('vss_migrator', databaseUrl))
  await owner.query(
    `GRANT REFERENCES (caller), TRIGGER ON vss.sessions TO vss_reader; GRANT CREATE ON SCHEMA vss TO vss_reader`,
  )

  expect(await privilegesWithoutStatement(owner, 'vss_reader')).toEqual([
    'CREATE on vss',
    'REFERENCES on sessions',
    'TRIGGER on sessions',
  ])
})

test('only vss_support and vss_operator may read bodies, in tables or in views', async () => {
  const databaseUrl = await migratedDatabase()
  const statements = [
    'SELECT body FROM vss.deliveries',
    'SELECT body FROM vss.bodies',
    'SELECT body FROM vss.rejected',
    'SELECT body_text FROM vss.rejected',
  ]

  const readers = new Map<string, string[]>()
  for (const role of roles) {
    const outcomes = await outcomesOf(as(role, databaseUrl), statements)
    readers.set(
      role,
      outcomes.filter(([, outcome]) => outcome === 'done').map(([statement]) => statement),
    )
  }

  expect(Object.fromEntries(readers)).toEqual({
    vss_writer: [],
    vss_reader: [],
    vss_support: statements,
    vss_operator: statements,
    vss_analyst: [],
  })
})

test('vss_operator may correct an outcome and delete sessions with their legs, but may delete nothing of the ledger', async () => {
  const databaseUrl = await migratedDatabase()
  const owner = openPool(as('vss_migrator', databaseUrl))
  const stored = delivery(session())
  await createWriter({ pool: openPool(as('vss_writer', databaseUrl)), pipelineVersion: 'test' }).write([
    stored,
  ])
  const operator = openPool(as('vss_operator', databaseUrl))

  await operator.query(`UPDATE vss.deliveries SET outcome = 'superseded', processed_at = now()`)
  await operator.query(`DELETE FROM vss.sessions WHERE started_at < now()`)

  const { rows } = await owner.query(
    'SELECT outcome, (SELECT count(*) FROM vss.call_legs)::integer AS legs FROM vss.deliveries',
  )
  expect(rows).toEqual([{ outcome: 'superseded', legs: 0 }])
  const statements = [
    'DELETE FROM vss.deliveries',
    'UPDATE vss.deliveries SET body = NULL',
    'DELETE FROM vss.bodies',
    'UPDATE vss.deliveries SET received_at = now()',
    `DROP TABLE vss.${partitionName(0)}`,
    'SELECT vss.grant_to_roles()',
  ]
  expect(await outcomesOf(as('vss_operator', databaseUrl), statements)).toEqual(
    statements.map((statement) => [statement, expect.stringMatching(denied)]),
  )
})

test('the writer keeps the figures, also of a session that starts in another hour now, and the analyst reads them', async () => {
  const databaseUrl = await migratedDatabase()
  const writing = openPool(as('vss_writer', databaseUrl))
  const writer = createWriter({ pool: writing, pipelineVersion: 'test' })
  const analyst = openPool(as('vss_analyst', databaseUrl))
  const attempts = async () =>
    (
      await analyst.query<{ attempts: string }>(
        `SELECT attempts FROM vss.traffic('2024-03-25T06:00:00Z', '2024-03-25T08:00:00Z', '1 hour')`,
      )
    ).rows.map((row) => Number(row.attempts))
  const call = session()
  await writer.write([delivery(call)])
  for (const _ of [1, 2]) await writing.query(`SELECT vss.refresh_figures(10, '0')`)
  expect(await attempts()).toEqual([1, 0])

  await writer.write([delivery({ ...call, startedAtMs: call.startedAtMs + 3_600_000 })])

  expect(await attempts()).toEqual([0, 1])
  const { rows } = await analyst.query('SELECT country_pair FROM vss.session_facts')
  expect(rows).toEqual([{ country_pair: 'US-??' }])
  const numbers = ['SELECT callee FROM vss.sessions', 'SELECT source FROM vss.call_legs']
  expect(await outcomesOf(as('vss_analyst', databaseUrl), numbers)).toEqual(
    numbers.map((statement) => [statement, expect.stringMatching(denied)]),
  )
})

test('the writer lets go of old rows by its functions alone, and only of those that are older than a day', async () => {
  const databaseUrl = await migratedDatabase()
  const writing = openPool(as('vss_writer', databaseUrl))
  const writer = createWriter({ pool: writing, pipelineVersion: 'test' })
  const hour = 3_600_000
  await writer.write([50 * hour, hour].map((age) => delivery(session(), { receivedAtMs: Date.now() - age })))

  const { deleted } = await letGo(writing, { bodies: 1, deliveries: 1, sessions: 1 })

  expect(deleted).toMatchObject({ deliveries: 1, sessions: 1 })
  const expired = openPool(as('vss_operator', databaseUrl))
  expect(await readExpired(expired, { bodies: 1, deliveries: 1, sessions: 1 })).toMatchObject([
    { kind: 'bodies' },
    { kind: 'deliveries', rows: 0 },
    { kind: 'sessions', rows: 0 },
  ])
  const statements = [
    `UPDATE vss.retention SET kept_from = now()`,
    `INSERT INTO vss.retention (kind, days, kept_from) VALUES ('bodies', 1, now())`,
    'SELECT vss.set_retention(0, 0, 0)',
    'SELECT * FROM vss.bodies_in_ledger',
  ]
  expect(await outcomesOf(as('vss_writer', databaseUrl), statements)).toEqual(
    statements.map((statement) => [
      statement,
      expect.stringMatching(/permission denied|retention_days_sensible/),
    ]),
  )
  for (const role of ['vss_reader', 'vss_support', 'vss_operator', 'vss_analyst'] as const) {
    await expect(
      letGo(openPool(as(role, databaseUrl)), { bodies: 1, deliveries: 1, sessions: 1 }),
      role,
    ).rejects.toMatchObject({ code: 'permission_denied' })
  }
})

test('roles.sql makes the roles that privileges.ts has', async () => {
  await createRoles((await createEmptyDatabase(serverUrl)).url)

  const made = await rowsOf<{ name: string }>(
    serverUrl,
    `SELECT rolname AS name FROM pg_roles WHERE rolname LIKE 'vss\\_%' ORDER BY 1`,
  )

  expect(made.map(({ name }) => name)).toEqual([...roles, 'vss_migrator'].sort())
})

test.each([
  ['a superuser', () => serverUrl],
  ['an administrator who is no superuser', () => withUser(serverUrl, administrator)],
])('the roles take over a schema that %s made earlier, with its rows', async (_, adminUrl) => {
  // The roles must be made for the first time here.
  await dropRoles()
  const { url: databaseUrl } = await createEmptyDatabase(adminUrl())
  await migrate({ databaseUrl })
  const admin = openPool(databaseUrl)
  await insertDelivery(admin, new Date())

  await createRoles(databaseUrl)
  await createRoles(databaseUrl)

  expect(await ownersOfSchema(databaseUrl)).toEqual(['vss_migrator'])
  expect(await migrate({ databaseUrl: as('vss_migrator', databaseUrl) })).toEqual([])
  const writer = openPool(as('vss_writer', databaseUrl))
  await insertDelivery(writer, new Date())
  const { rows } = await writer.query('SELECT delivery_id FROM vss.deliveries')
  expect(rows).toHaveLength(2)
  await runSql(as('vss_migrator', databaseUrl), `DROP TABLE vss.${partitionName(2)}`)
  const remade = await writer.query('SELECT vss.ensure_ledger_partitions(2) AS name')
  expect(remade.rows).toEqual([{ name: partitionName(2) }])
})

test('roles.sql takes away rights that the roles were granted by hand, such as the right to read bodies', async () => {
  const databaseUrl = await migratedDatabase()
  await runSql(
    databaseUrl,
    `GRANT ALL ON ALL TABLES IN SCHEMA vss TO vss_reader, vss_writer; GRANT CREATE ON SCHEMA vss TO vss_writer`,
  )

  await createRoles(databaseUrl)

  const attempts = [
    ...(await outcomesOf(as('vss_reader', databaseUrl), ['SELECT body FROM vss.deliveries'])),
    ...(await outcomesOf(as('vss_writer', databaseUrl), [
      'DELETE FROM vss.deliveries',
      'CREATE TABLE vss.mine ()',
    ])),
  ]
  expect(attempts.map(([, outcome]) => outcome)).toEqual(attempts.map(() => expect.stringMatching(denied)))
})

test('migrate takes away the right to read bodies that an earlier release granted to the writer', async () => {
  const databaseUrl = await migratedDatabase()
  await runSql(as('vss_migrator', databaseUrl), 'GRANT SELECT, INSERT ON vss.deliveries TO vss_writer')

  await migrate({ databaseUrl: as('vss_migrator', databaseUrl) })

  const [[, outcome] = []] = await outcomesOf(as('vss_writer', databaseUrl), [
    'SELECT body FROM vss.deliveries',
  ])
  expect(outcome).toMatch(denied)
  await insertDelivery(openPool(as('vss_writer', databaseUrl)), new Date())
})

test('in a database where roles.sql was not run, the roles may do nothing', async () => {
  await createRoles((await createEmptyDatabase(serverUrl)).url)
  const { url: other } = await createEmptyDatabase(serverUrl)
  await migrate({ databaseUrl: other })

  const attempts = await Promise.all(
    roles.map((role) => outcomesOf(as(role, other), ['SELECT FROM vss.sessions'])),
  )

  expect(attempts.flat().map(([, outcome]) => outcome)).toEqual(
    roles.map(() => expect.stringMatching(denied)),
  )
})

test('the roles have no password until they are given one', async () => {
  await createRoles((await createEmptyDatabase(serverUrl)).url)
  await dropRoles()
  const { url: databaseUrl } = await createEmptyDatabase(serverUrl)
  await runSql(databaseUrl, await readFile(rolesFile, 'utf8'))

  for (const role of ['vss_migrator', ...roles] as const) {
    await expect(runSql(as(role, databaseUrl), 'SELECT')).rejects.toThrow('password authentication failed')
  }
})

async function migratedDatabase(): Promise<string> {
  const { url: databaseUrl } = await createEmptyDatabase(serverUrl)
  await createRoles(databaseUrl)
  await migrate({ databaseUrl: as('vss_migrator', databaseUrl) })
  return databaseUrl
}

/** Drops the roles, and first the databases of earlier tests, because the roles own something in each. */
async function dropRoles(): Promise<void> {
  const databases = await rowsOf<{ name: string }>(
    serverUrl,
    `SELECT datname AS name FROM pg_database WHERE datname LIKE 'vss_test_%'`,
  )
  for (const { name } of databases) await runSql(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`)
  await runSql(serverUrl, `DROP ROLE IF EXISTS vss_migrator, ${roles.join(', ')}`)
}

async function runSql(databaseUrl: string, statements: string): Promise<void> {
  await rowsOf(databaseUrl, statements)
}

/** Runs statements. @returns each with its result: the message of the database's refusal, or "done". */
async function outcomesOf(databaseUrl: string, statements: string[]): Promise<[string, string][]> {
  const pool = openPool(databaseUrl)
  const outcomes: [string, string][] = []
  for (const statement of statements) {
    const outcome = await pool.query(statement).then(
      () => 'done',
      (error: Error) => error.message,
    )
    outcomes.push([statement, outcome])
  }
  return outcomes
}

interface Attempt {
  object: string
  column?: string
  privilege: string
  statement: string
  /** False for a write to a column that a view computes: no role can do it. */
  isPossible: boolean
}

/** Asks the catalogue for privileges that only statements with lasting effects would show. */
async function privilegesWithoutStatement(pool: Pool, role: Role): Promise<string[]> {
  const { rows } = await pool.query<{ held: string }>(
    `SELECT 'CREATE on vss' AS held WHERE has_schema_privilege($1, 'vss', 'CREATE')
     UNION ALL
     SELECT format('REFERENCES on %s', relname) FROM pg_class
     WHERE relnamespace = 'vss'::regnamespace AND relkind IN ('r', 'p', 'v')
       AND has_any_column_privilege($1, oid, 'REFERENCES')
     UNION ALL
     SELECT format('TRIGGER on %s', relname) FROM pg_class
     WHERE relnamespace = 'vss'::regnamespace AND relkind IN ('r', 'p', 'v') AND has_table_privilege($1, oid, 'TRIGGER')
     ORDER BY held`,
    [role],
  )
  return rows.map(({ held }) => held)
}

/** A statement for each privilege on each column, table and view. No statement touches a row. */
async function attemptsOnSchema(pool: Pool): Promise<Attempt[]> {
  const { rows } = await pool.query<{ object: string; columns: string[]; computed: string[] }>(
    `SELECT relname AS object, array_agg(column_name::text) AS columns,
       coalesce(array_agg(column_name::text) FILTER (WHERE is_updatable = 'NO'), '{}') AS computed
     FROM pg_class JOIN information_schema.columns ON table_schema = 'vss' AND table_name = relname
     WHERE relnamespace = 'vss'::regnamespace AND relkind IN ('r', 'p', 'v')
     GROUP BY relname ORDER BY relname`,
  )
  return rows.flatMap(({ object, columns, computed }) =>
    [
      ...columns.flatMap((column) => {
        const isWritable = !computed.includes(column)
        return [
          attempt('SELECT', `SELECT ${column} FROM vss.${object} WHERE false`, column),
          attempt(
            'INSERT',
            `INSERT INTO vss.${object} (${column}) SELECT NULL WHERE false`,
            column,
            isWritable,
          ),
          attempt('UPDATE', `UPDATE vss.${object} SET ${column} = NULL WHERE false`, column, isWritable),
        ]
      }),
      attempt('DELETE', `DELETE FROM vss.${object} WHERE false`),
      attempt('TRUNCATE', `TRUNCATE vss.${object}`),
    ].map((one) => ({ object, ...one })),
  )

  function attempt(privilege: string, statement: string, column?: string, isPossible = true) {
    return { privilege, statement, isPossible, ...(column === undefined ? {} : { column }) }
  }
}

/** The statements that succeed. Every other must fail because a privilege is missing, or because nobody can do it. */
async function allowedOf(databaseUrl: string, attempts: Attempt[]): Promise<string[]> {
  const outcomes = await outcomesOf(
    databaseUrl,
    attempts.map(({ statement }) => statement),
  )
  const refusals = outcomes.filter(([, outcome]) => outcome !== 'done')
  expect(
    refusals.filter(
      ([, outcome]) =>
        !/permission denied|cannot (insert into|update) column|cannot (insert into|update|delete from) view|is not a table/.test(
          outcome,
        ),
    ),
  ).toEqual([])
  return outcomes.filter(([, outcome]) => outcome === 'done').map(([statement]) => statement)
}

async function insertDelivery(pool: Pool, receivedAt: Date): Promise<void> {
  await pool.query(
    `INSERT INTO vss.deliveries (delivery_id, received_at, outcome, reasons, processed_at, pipeline_version)
     VALUES ($1, $2, 'rejected', '[{}]', now(), 'test')`,
    [deliveryIdAt(receivedAt.getTime()), receivedAt],
  )
}

async function hasTable(databaseUrl: string, name: string): Promise<boolean> {
  const rows = await rowsOf(databaseUrl, `SELECT FROM pg_class WHERE oid = to_regclass('vss.${name}')`)
  return rows.length > 0
}

async function ownersOfSchema(databaseUrl: string): Promise<string[]> {
  const rows = await rowsOf<{ owner: string }>(
    databaseUrl,
    `SELECT relowner::regrole::text AS owner FROM pg_class WHERE relnamespace = 'vss'::regnamespace
     UNION SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'vss'::regnamespace
     UNION SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'vss'`,
  )
  return rows.map((row) => row.owner)
}

async function example(name: string): Promise<Buffer> {
  return await readFile(new URL(`../../fixtures/${name}`, import.meta.url))
}
