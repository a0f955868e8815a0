import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from, to } from 'pg-copy-streams'

const tables = ['vss.sessions', 'vss.call_legs', 'vss.deliveries', 'vss.bodies'] as const

/**
 * Empties the tables and writes their rows again by COPY, in one transaction. This is the least work that stores the
 * same rows with the same indexes. @returns deliveries a second.
 */
export async function copyStoredRows(databaseUrl: string, format: 'text' | 'binary'): Promise<number> {
  const db = new pg.Client({ connectionString: databaseUrl })
  await db.connect()
  try {
    const { rows } = await db.query<{ count: number }>('SELECT count(*)::int AS count FROM vss.deliveries')
    const contents: Buffer[] = []
    for (const table of tables) {
      contents.push(await buffer(db.query(to(`COPY (SELECT * FROM ${table}) TO STDOUT (FORMAT ${format})`))))
    }
    await db.query(`TRUNCATE ${tables.join(', ')}`)
    await db.query('CHECKPOINT')

    const startedAt = performance.now()
    await db.query('BEGIN')
    for (const [index, table] of tables.entries()) {
      await pipeline(
        chunksOf(contents[index]!),
        db.query(from(`COPY ${table} FROM STDIN (FORMAT ${format})`)),
      )
    }
    await db.query('COMMIT')
    return (rows[0]!.count * 1000) / (performance.now() - startedAt)
  } finally {
    await db.end()
  }
}

function chunksOf(content: Buffer): Readable {
  const chunkBytes = 64 * 1024
  const count = Math.ceil(content.length / chunkBytes)
  return Readable.from(
    Array.from({ length: count }, (_, index) =>
      content.subarray(index * chunkBytes, (index + 1) * chunkBytes),
    ),
    { objectMode: false },
  )
}
