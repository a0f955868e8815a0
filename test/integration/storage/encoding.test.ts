import { readFile } from 'node:fs/promises'
import { createWriter, pingDatabase } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import { expect, inject, onTestFinished, test } from 'vitest'
import { connect, createEmptyDatabase } from '../../support/databases.ts'
import { delivery, session } from '../../support/entries.ts'
import { openPool } from '../../support/open-storage.ts'

const schemaFile = new URL('../../../packages/storage/schema.sql', import.meta.url)

const foreign: [encoding: string, text: string, sqlState: string][] = [
  ['LATIN1', '訂單', '22P05'],
  ['SQL_ASCII', 'a\u0000b', '22021'],
  ['EUC_JP', '한국', '22P05'],
  ['WIN1252', 'čeština', '22P05'],
]

test.each(foreign)('migrate refuses a database in %s in one line that says what to do', async (encoding) => {
  const url = await databaseIn(encoding)

  await expect(migrate({ databaseUrl: url })).rejects.toMatchObject({
    name: 'StorageFault',
    code: 'wrong_encoding',
    message: expect.stringMatching(
      `^database "vss_test_.*" has encoding ${encoding}, expected UTF8: make another one with createdb -E UTF8 -T template0, and give it to DATABASE_URL$`,
    ),
  })

  const client = await connect(url)
  expect((await client.query(`SELECT FROM pg_namespace WHERE nspname = 'vss'`)).rowCount).toBe(0)
})

test.each(foreign)(
  'in a database in %s a text that it cannot hold is a fault, and the event is kept',
  async (encoding, text, sqlState) => {
    const url = await databaseIn(encoding)
    const client = await connect(url)
    await client.query(await readFile(schemaFile, 'utf8'))
    const pool = openPool(url)
    const writer = createWriter({ pool, pipelineVersion: '1.2.3' })
    await expect(client.query('SELECT $1::text', [text])).rejects.toMatchObject({ code: sqlState })

    await expect(writer.write([delivery(session({ clientRequestId: text }))])).rejects.toMatchObject({
      name: 'StorageFault',
      code: 'wrong_encoding',
    })
    await expect(pingDatabase(pool)).rejects.toMatchObject({ code: 'wrong_encoding' })

    expect((await client.query('SELECT FROM vss.deliveries')).rowCount).toBe(0)
  },
)

/** An empty database in that encoding. */
async function databaseIn(encoding: string): Promise<string> {
  const database = await createEmptyDatabase(inject('databaseUrl'), { encoding })
  onTestFinished(() => database.drop())
  return database.url
}
