import pg from 'pg'
import { createLocator } from './locator.ts'

/**
 * Opens a connection of its own, outside of any pool, to the server that a pool of the same URL would use. Its errors
 * show in the statements that fail.
 *
 * @throws an error of pg, or StorageFault when no host of the URL fits
 */
export async function connectClient(databaseUrl: string, config: pg.ClientConfig): Promise<pg.Client> {
  const describeServer = await createLocator(databaseUrl).locate()
  const client = new pg.Client({ connectionTimeoutMillis: 5_000, ...config, ...describeServer() })
  // Without a listener the event would end the process.
  client.on('error', () => {})
  await client.connect()
  return client
}
