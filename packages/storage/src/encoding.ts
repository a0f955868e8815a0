import type { ClientBase } from 'pg'
import { StorageFault } from './errors.ts'

/**
 * Returns when the database keeps every character that an event may have.
 *
 * @throws StorageFault when its encoding is not UTF-8: a character that it lacks is no fault of the event.
 */
export async function expectUtf8(client: Pick<ClientBase, 'query'>): Promise<void> {
  const { rows } = await client.query<{ name: string; encoding: string }>(
    `SELECT current_database() AS name, current_setting('server_encoding') AS encoding`,
  )
  const { name, encoding } = rows[0]!
  if (encoding === 'UTF8') return
  throw new StorageFault(
    'wrong_encoding',
    `database "${name}" has encoding ${encoding}, expected UTF8: make another one with createdb -E UTF8 -T template0, and give it to DATABASE_URL`,
  )
}
