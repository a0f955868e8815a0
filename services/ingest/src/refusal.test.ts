import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { refusalCodes, refusals } from './refusal.ts'

test('docs/operating.md has every code with its status', () => {
  const text = readFileSync(new URL('../../../docs/operating.md', import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)].map(([, code, status]) => [
    code,
    Number(status),
  ])
  const expected = refusalCodes.map((code) => [code, refusals[code].status])
  expect(rows.toSorted()).toEqual(expected.toSorted())
})
