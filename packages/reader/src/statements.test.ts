import { expect, test } from 'vitest'
import { selectChangesStatement } from './changes.ts'
import { selectDeliveriesStatement, selectDeliveryStatement, selectFirstDeliveryStatement } from './ledger.ts'
import { selectCallLegsStatement, selectSessionStatement } from './sessions.ts'

test('statements.sql has the statements as they are sent (else: npx vitest run statements -u)', async () => {
  const statements = [
    selectSessionStatement,
    selectCallLegsStatement,
    selectDeliveriesStatement,
    selectDeliveryStatement,
    selectFirstDeliveryStatement,
    selectChangesStatement,
  ]

  await expect(`${header}\n${statements.join(';\n\n')};\n`).toMatchFileSnapshot('../statements.sql')
})

const header = `-- The reader's statements, by the columns of packages/storage. Written by statements.test.ts: npx vitest run statements -u
`
