import { expect, test } from 'vitest'
import { copyBodiesStatement, insertMissingBodiesStatement } from './bodies.ts'
import { columnNameOf, memberAsRead } from './column-name.ts'
import { copyLedgerRowsStatement } from './ledger.ts'
import {
  copyCallLegsStatement,
  insertSessionsStatement,
  lockSessionsStatement,
  replaceSessionsStatement,
  selectCallLegsStatement,
} from './sessions.ts'

test('statements.sql has the statements as they are sent (else: npx vitest run statements -u)', async () => {
  const statements = [
    insertSessionsStatement,
    lockSessionsStatement,
    selectCallLegsStatement,
    replaceSessionsStatement,
    copyCallLegsStatement,
    copyLedgerRowsStatement,
    copyBodiesStatement,
    insertMissingBodiesStatement,
  ]

  await expect(`${header}\n${statements.join(';\n\n')};\n`).toMatchFileSnapshot('../statements.sql')
})

const header = `-- The statements that follow from columns.ts. Written by statements.test.ts: npx vitest run statements -u
`

test.each([
  ['startedAtMs', 'startedAt', 'started_at'],
  ['startedAt', 'startedAt', 'started_at'],
  ['jitterMsMax', 'jitterMsMax', 'jitter_ms_max'],
  ['bodySha256', 'bodySha256', 'body_sha256'],
])('%s is read as %s, from column %s', (member, name, column) => {
  expect(memberAsRead(member)).toBe(name)
  expect(columnNameOf(member)).toBe(column)
})
