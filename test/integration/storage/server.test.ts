import { expect, inject, test } from 'vitest'
import { connect } from '../../support/databases.ts'
import { readTestPostgres } from '../../support/servers/postgres.ts'

test.skipIf(process.env.TEST_DATABASE_URL)(
  'the server that the tests start is of the version asked for, and has what later tests need',
  async () => {
    const client = await connect(inject('databaseUrl'))
    const { rows } = await client.query(
      `SELECT current_setting('server_version_num')::int / 10000 AS version,
         current_setting('max_prepared_transactions') AS prepared, current_setting('wal_level') AS level`,
    )
    expect(rows).toEqual([{ version: Number(readTestPostgres() ?? '18'), prepared: '5', level: 'logical' }])
  },
)
