import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  functions,
  privileges,
  type Role,
  type RolePrivileges,
  type TableName,
  tables,
} from './privileges.ts'

const roles = Object.keys(privileges) as Role[]

test('docs/deploying.md shows the table of privileges', async () => {
  const document = await readFile(join(import.meta.dirname, '../../../docs/deploying.md'), 'utf8')

  expect(document).toContain(privilegesAsMarkdown())
})

function privilegesAsMarkdown(): string {
  const rows = [
    ['in `vss`', ...roles.map((role) => `\`${role}\``)],
    ['---', ...roles.map(() => '---')],
    ...Object.keys(tables).map((table) => [
      `\`${table}\``,
      ...roles.map((role) => onTable(role, table as TableName)),
    ]),
    ...functions.map((name) => [`\`${name}\``, ...roles.map((role) => onFunction(role, name))]),
  ]
  return rows.map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

function onTable(role: Role, table: TableName): string {
  const granted: RolePrivileges = privileges[role]
  const cell = Object.entries(granted.tables[table] ?? {}).map(([privilege, columns]) => {
    if (columns === 'every') return privilege
    const others = tables[table].filter((column) => !columns.includes(column))
    return others.length < columns.length
      ? `${privilege} all but ${listed(others)}`
      : `${privilege} of ${listed(columns)}`
  })
  return cell.join('; ') || '-'
}

function onFunction(role: Role, name: (typeof functions)[number]): string {
  const granted: RolePrivileges = privileges[role]
  return granted.functions.includes(name) ? 'EXECUTE' : '-'
}

function listed(columns: readonly string[]): string {
  return columns.map((column) => `\`${column}\``).join(', ')
}
