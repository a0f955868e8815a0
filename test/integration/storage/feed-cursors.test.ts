import { expect, test } from 'vitest'
import {
  commitForBilling,
  first,
  openFeed,
  readChanges,
  useOwnServer,
  writeSession,
} from '../../support/feed-database.ts'

useOwnServer()

test.each([
  ['an empty text', () => ''],
  ['a word', () => 'beginning'],
  ['a number', () => '42'],
  ['a later version', (cursor: string) => cursor.replace('1.', '2.')],
  ['a part too few', (cursor: string) => cursor.slice(0, cursor.lastIndexOf('.'))],
  ['a part too many', (cursor: string) => `${cursor}.1`],
  ['a cut session id', (cursor: string) => cursor.slice(0, -1)],
  ['a line end', (cursor: string) => `${cursor}\n`],
  [
    'upper case',
    (cursor: string) => cursor.toUpperCase().replace('00000000-0000-4000', '0000000A-0000-4000'),
  ],
  ['an id without its zeros', (cursor: string) => cursor.replace(/\.0+/, '.')],
  ['an id above 64 bits', (cursor: string) => cursor.replace(/\.\d{20}\./, '.18446744073709551616.')],
  ['SQL', () => `' OR true --`],
])('%s is no cursor: it is refused, and the error says what to give', async (_, malformed) => {
  const client = await openFeed()
  await writeSession(client, first)
  const [change] = await readChanges(client)
  const cursor = malformed(change!.cursor)

  for (const use of [readChanges, commitForBilling]) {
    await expect(use(client, cursor)).rejects.toMatchObject({
      code: '22023',
      message: `"${cursor}" is no cursor of vss.changes: give one as it was returned, or NULL to read from the beginning`,
    })
  }
})

test('a cursor of another feed, or ahead of the server’s transaction ids, is refused', async () => {
  const client = await openFeed()
  await writeSession(client, first)
  const { cursor } = (await readChanges(client))[0]!
  const foreign = cursor.replace(/^1\.[^.]+/, `1.${first}`)
  const ahead = cursor.replace(/\.\d{20}\./, '.00000099999999999999.')

  for (const use of [readChanges, commitForBilling]) {
    await expect(use(client, foreign)).rejects.toMatchObject({
      code: 'VF001',
      message: expect.stringContaining('read from the beginning, with NULL'),
    })
    await expect(use(client, ahead)).rejects.toMatchObject({
      code: 'VF003',
      message: expect.stringContaining('vss feed restart'),
    })
  }
})
