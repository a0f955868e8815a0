import { createPool, createWriter, type Pool, type Writer } from '@vss-pipeline/storage'
import { inject, onTestFinished } from 'vitest'
import { createTestDatabase } from './databases.ts'

export interface Storage {
  url: string
  pool: Pool
  writer: Writer
}

/** Opens a writer on a database of its own, which is dropped when the test has finished. */
export async function openStorage(options: { statementTimeoutMs?: number } = {}): Promise<Storage> {
  const database = await createTestDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  const pool = openPool(database.url, options)
  return { url: database.url, pool, writer: createWriter({ pool, pipelineVersion: '1.2.3' }) }
}

/** Opens a pool of one connection, by which a test changes a database. It ends when the test has finished. */
export function openAdminPool(databaseUrl: string): Pool {
  const admin = createPool({ databaseUrl, maxConnections: 1, applicationName: 'vss-test-admin' })
  onTestFinished(() => admin.end())
  return admin
}

/** Opens a pool that ends when the test has finished. */
export function openPool(databaseUrl: string, options: { statementTimeoutMs?: number } = {}): Pool {
  const pool = createPool({ databaseUrl, maxConnections: 4, applicationName: 'vss-test', ...options })
  onTestFinished(() => pool.end())
  return pool
}
