import type pg from 'pg'
import {
  privileges,
  type RolePrivileges,
  type TableName,
  tables,
} from '../../../packages/storage/src/privileges.ts'

/** The roles of people and programs that read. The page says so where one may see less than the others. */
const readers = ['vss_reader', 'vss_support', 'vss_analyst'] as const

/** The parts of the functions that readers call. They must be allowed to run them too. */
const parts = /^(check_\w+|read_cursor|server_identity|oldest_unread|feed_holder)\(/

/**
 * Writes the reference of everything in schema `vss` that a reader may use, from the comments in the database. It is
 * the same on every supported release of Postgres.
 */
export async function describeForReaders(client: pg.ClientBase): Promise<string> {
  const sections: string[] = []
  for (const name of Object.keys(tables) as TableName[]) {
    if (readers.some((role) => selectsOf(role, name) !== undefined))
      sections.push(await describeTable(client, name))
  }
  const names = new Set(
    readers.flatMap((role) => privileges[role].functions).filter((name) => !parts.test(name)),
  )
  for (const name of [...names].sort()) sections.push(await describeFunction(client, name))
  return `<!-- Written by schema.test.ts: npx vitest run schema -u -->

# Schema

${wrap(
  `This is everything in schema \`vss\` that ${listed(readers)} may use. \`\\d+ vss.sessions\` in psql shows the same ` +
    'comments. [Consuming the rows](consuming.md) has queries to start from. A column may be null unless it says ' +
    '"not null"; those of views do not say.',
)}

${sections.join('\n')}`
}

/** The columns that a role may read; undefined without any. */
function selectsOf(role: (typeof readers)[number], table: TableName): readonly string[] | undefined {
  const granted: RolePrivileges['tables'] = privileges[role].tables
  const columns = granted[table]?.SELECT
  return columns === 'every' ? tables[table] : columns
}

async function describeTable(client: pg.ClientBase, name: TableName): Promise<string> {
  const { rows } = await client.query<{
    name: string
    type: string
    isRequired: boolean
    isView: boolean
    meaning: string
    comment: string
  }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, attnotnull AS "isRequired", relkind = 'v' AS "isView",
       col_description(attrelid, attnum) AS meaning, obj_description(attrelid, 'pg_class') AS comment
     FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
     WHERE attrelid = format('vss.%I', $1::text)::regclass AND attnum > 0 AND NOT attisdropped
     ORDER BY attnum`,
    [name],
  )
  const { comment, isView } = rows[0]!
  const allowed = readers.filter((role) => selectsOf(role, name) !== undefined)
  return [
    `## vss.${name}`,
    '',
    wrap(`A ${isView ? 'view' : 'table'} for ${listed(allowed)}. ${comment}`),
    '',
    '| column | type | meaning |',
    '|---|---|---|',
    ...rows.map((column) => {
      const denied = allowed.filter((role) => !selectsOf(role, name)!.includes(column.name))
      const type = `\`${shortened(column.type)}\`${column.isRequired ? ', not null' : ''}`
      const note = denied.length === 0 ? '' : `. Not for ${listed(denied)}`
      return `| \`${column.name}\` | ${type} | ${cell(column.meaning)}${note} |`
    }),
    '',
  ].join('\n')
}

async function describeFunction(client: pg.ClientBase, signature: string): Promise<string> {
  const { rows } = await client.query<{ name: string; args: string; result: string; comment: string }>(
    `SELECT proname AS name, pg_get_function_arguments(oid) AS args, pg_get_function_result(oid) AS result,
       obj_description(oid, 'pg_proc') AS comment
     FROM pg_proc WHERE oid = format('vss.%s', $1::text)::regprocedure`,
    [signature],
  )
  const { name, args, result, comment } = rows[0]!
  const allowed = readers.filter((role) =>
    (privileges[role].functions as readonly string[]).includes(signature),
  )
  const [table, columns] = /^TABLE\((.*)\)$/.exec(result) ?? []
  const paragraphs = comment.split('\n\n').map((paragraph) => {
    const lines = paragraph.split('\n').map((line) => /^([a-z][\w, ]*): (.*)$/.exec(line))
    if (!lines.every((line) => line !== null) || lines.length === 1) return wrap(paragraph)
    const described = lines.map(([, columns, meaning]) => {
      const names = columns!.split(', ').map((column) => `\`${column}\``)
      return `| ${names.join(', ')} | ${cell(meaning!)} |`
    })
    return ['| column | meaning |', '|---|---|', ...described].join('\n')
  })
  return [
    `## vss.${name}()`,
    '',
    '```sql',
    ...list(`vss.${name}`, shortened(args)),
    table === undefined
      ? `RETURNS ${shortened(result)}`
      : list('RETURNS TABLE ', shortened(columns!)).join('\n'),
    '```',
    '',
    wrap(`A function for ${listed(allowed)}.`),
    '',
    paragraphs.join('\n\n'),
    '',
  ].join('\n')
}

/** Parameters or columns, one a line where they are many. */
function list(before: string, items: string): string[] {
  const line = `${before}(${items})`
  if (line.length <= 80) return [line]
  return [
    `${before}(`,
    ...items.split(/, (?=\w+ \w)/).map((item, index, all) => `  ${item}${index < all.length - 1 ? ',' : ''}`),
    ')',
  ]
}

function shortened(types: string): string {
  return types.replaceAll('timestamp with time zone', 'timestamptz').replaceAll(/::\w+(\[\])?/g, '')
}

function listed(names: readonly string[]): string {
  const quoted = names.map((name) => `\`${name}\``)
  return quoted.length === 1 ? quoted[0]! : `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

/** Breaks a paragraph into lines of 80 columns at most. */
function wrap(text: string): string {
  return text.replaceAll(/(.{1,80})(?:\s+|$)/g, '$1\n').trimEnd()
}
