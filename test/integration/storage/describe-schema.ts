import pg from 'pg'

const fileHeader = `-- Schema vss as the migrations leave it. Written by schema.test.ts: npx vitest run schema -u
-- Not shown: partitions of months and days, and vss.migrations, the record of what was applied.
`

/**
 * Writes schema `vss` as SQL that creates it, the same on every supported release of Postgres. pg_dump would have to be
 * as new as the server.
 */
export async function describeSchema(client: pg.ClientBase): Promise<string> {
  // With nothing on the search path, Postgres writes every name with its schema.
  await client.query(`SET search_path = ''`)
  const tables = await selectTables(client)
  const sections = [`CREATE SCHEMA vss;\n${await schemaComment(client)}`]
  for (const table of tables) sections.push(await describeTable(client, table))
  sections.push(
    ...(await selectForeignKeys(client)),
    ...(await selectFunctions(client)),
    ...(await selectTriggers(client)),
  )
  for (const view of await selectViews(client)) sections.push(await describeView(client, view))
  return [fileHeader, ...sections].join('\n')
}

interface Table {
  oid: number
  name: string
  comment: string | null
  partitionKey: string | null
  parent: string | null
}

async function selectTables(client: pg.ClientBase): Promise<Table[]> {
  const { rows } = await client.query<Table>(
    `SELECT
       oid::integer,
       relname AS name,
       pg_catalog.obj_description(oid, 'pg_class') AS comment,
       CASE relkind WHEN 'p' THEN pg_catalog.pg_get_partkeydef(oid) END AS "partitionKey",
       (SELECT inhparent::pg_catalog.regclass::text FROM pg_catalog.pg_inherits WHERE inhrelid = oid) AS parent
     FROM pg_catalog.pg_class
     WHERE relnamespace = 'vss'::pg_catalog.regnamespace
       AND relkind IN ('r', 'p')
       AND relname <> 'migrations'
       AND (NOT relispartition OR pg_catalog.pg_get_expr(relpartbound, oid) = 'DEFAULT')
     ORDER BY relname COLLATE "C"`,
  )
  return rows
}

async function describeTable(client: pg.ClientBase, table: Table): Promise<string> {
  const name = `vss.${table.name}`
  const comment = commentOn('TABLE', name, table.comment)
  // A partition has the columns, constraints and indexes of its parent.
  if (table.parent !== null) return `CREATE TABLE ${name} PARTITION OF ${table.parent} DEFAULT;\n${comment}`

  const columns = await selectColumns(client, table.oid)
  const constraints = await selectConstraints(client, table.oid)
  const members = [...columns.map((column) => column.definition), ...constraints]
  const partitioning = table.partitionKey === null ? '' : ` PARTITION BY ${table.partitionKey}`
  return [
    `CREATE TABLE ${name} (\n  ${members.join(',\n  ')}\n)${partitioning};\n`,
    ...(await selectIndexes(client, table.oid)),
    comment,
    ...columns.map((column) => commentOn('COLUMN', `${name}.${column.name}`, column.comment)),
  ].join('')
}

async function selectColumns(client: pg.ClientBase, tableOid: number) {
  const { rows } = await client.query<{ name: string; definition: string; comment: string | null }>(
    `SELECT
       attname AS name,
       pg_catalog.concat_ws(' ',
         attname,
         pg_catalog.format_type(atttypid, atttypmod),
         'DEFAULT ' || pg_catalog.pg_get_expr(adbin, adrelid),
         CASE WHEN attnotnull THEN 'NOT NULL' END
       ) AS definition,
       pg_catalog.col_description(attrelid, attnum) AS comment
     FROM pg_catalog.pg_attribute
     LEFT JOIN pg_catalog.pg_attrdef ON adrelid = attrelid AND adnum = attnum
     WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
     ORDER BY attnum`,
    [tableOid],
  )
  return rows
}

/** Leaves out foreign keys, which come after every table, and NOT NULL, which only Postgres 18 lists here. */
async function selectConstraints(client: pg.ClientBase, tableOid: number): Promise<string[]> {
  const { rows } = await client.query<{ definition: string }>(
    `SELECT 'CONSTRAINT ' || conname || ' ' || pg_catalog.pg_get_constraintdef(oid) AS definition
     FROM pg_catalog.pg_constraint
     WHERE conrelid = $1 AND contype NOT IN ('f', 'n')
     ORDER BY contype <> 'p', conname COLLATE "C"`,
    [tableOid],
  )
  return rows.map((row) => row.definition)
}

async function selectForeignKeys(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ statement: string }>(
    `SELECT pg_catalog.format(E'ALTER TABLE %s ADD CONSTRAINT %I %s;\\n', conrelid::pg_catalog.regclass, conname,
         pg_catalog.pg_get_constraintdef(oid)) AS statement
     FROM pg_catalog.pg_constraint
     WHERE connamespace = 'vss'::pg_catalog.regnamespace AND contype = 'f'
     ORDER BY conrelid::pg_catalog.regclass::text COLLATE "C", conname COLLATE "C"`,
  )
  return rows.map((row) => row.statement)
}

async function selectIndexes(client: pg.ClientBase, tableOid: number): Promise<string[]> {
  const { rows } = await client.query<{ statement: string }>(
    `SELECT pg_catalog.replace(pg_catalog.pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') || E';\\n' AS statement
     FROM pg_catalog.pg_index
     WHERE indrelid = $1 AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conindid = indexrelid)
     ORDER BY indexrelid::pg_catalog.regclass::text COLLATE "C"`,
    [tableOid],
  )
  return rows.map((row) => row.statement)
}

async function selectFunctions(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{
    signature: string
    definition: string
    isPublic: boolean
    comment: string | null
  }>(
    `SELECT
       oid::pg_catalog.regprocedure::text AS signature,
       pg_catalog.pg_get_functiondef(oid) AS definition,
       proacl IS NULL OR EXISTS (SELECT FROM pg_catalog.aclexplode(proacl) WHERE grantee = 0) AS "isPublic",
       pg_catalog.obj_description(oid, 'pg_proc') AS comment
     FROM pg_catalog.pg_proc
     WHERE pronamespace = 'vss'::pg_catalog.regnamespace
     ORDER BY oid::pg_catalog.regprocedure::text COLLATE "C"`,
  )
  return rows.map(({ signature, definition, isPublic, comment }) => {
    const revocation = isPublic ? '' : `REVOKE EXECUTE ON FUNCTION ${signature} FROM PUBLIC;\n`
    return `${definition.trimEnd()};\n${revocation}${commentOn('FUNCTION', signature, comment)}`
  })
}

async function selectTriggers(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ statement: string }>(
    `SELECT pg_catalog.pg_get_triggerdef(pg_trigger.oid) || E';\\n' AS statement
     FROM pg_catalog.pg_trigger JOIN pg_catalog.pg_class ON pg_class.oid = tgrelid
     WHERE relnamespace = 'vss'::pg_catalog.regnamespace AND NOT tgisinternal
     ORDER BY tgname COLLATE "C"`,
  )
  return rows.map((row) => row.statement)
}

interface View {
  oid: number
  name: string
  definition: string
  comment: string | null
}

async function selectViews(client: pg.ClientBase): Promise<View[]> {
  const { rows } = await client.query<View>(
    `SELECT
       oid::integer,
       oid::pg_catalog.regclass::text AS name,
       pg_catalog.pg_get_viewdef(oid) AS definition,
       pg_catalog.obj_description(oid, 'pg_class') AS comment
     FROM pg_catalog.pg_class
     WHERE relnamespace = 'vss'::pg_catalog.regnamespace AND relkind = 'v'
     -- A view may read one that was made before it.
     ORDER BY oid`,
  )
  return rows
}

async function describeView(client: pg.ClientBase, view: View): Promise<string> {
  // Postgres 15 writes table.column where later releases write column.
  const qualifiers = /(?<![.\w])(?!vss\.|pg_catalog\.)\w+\.(?=\w)/g
  const columns = await selectColumns(client, view.oid)
  return [
    `CREATE VIEW ${view.name} AS\n${view.definition.replaceAll(qualifiers, '')}\n`,
    commentOn('VIEW', view.name, view.comment),
    ...columns.map((column) => commentOn('COLUMN', `${view.name}.${column.name}`, column.comment)),
  ].join('')
}

async function schemaComment(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ comment: string | null }>(
    `SELECT pg_catalog.obj_description('vss'::pg_catalog.regnamespace, 'pg_namespace') AS comment`,
  )
  return commentOn('SCHEMA', 'vss', rows[0]?.comment ?? null)
}

function commentOn(kind: string, name: string, comment: string | null): string {
  return comment === null ? '' : `COMMENT ON ${kind} ${name} IS ${pg.escapeLiteral(comment)};\n`
}
