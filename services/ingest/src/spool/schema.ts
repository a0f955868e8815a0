import type { DatabaseSync } from 'node:sqlite'
import { inTransaction } from './sqlite.ts'

/** A newer release wrote the file, and this one cannot read it. */
export class NewerSpoolError extends Error {
  override readonly name = 'NewerSpoolError'
}

/** The steps that make the file's schema. `user_version` says how many of them a file has had. */
const schemaSteps = [
  `CREATE TABLE IF NOT EXISTS deliveries (
     position INTEGER PRIMARY KEY AUTOINCREMENT,
     delivery_id TEXT NOT NULL,
     source_ip TEXT,
     body BLOB NOT NULL
   ) STRICT`,
  'ALTER TABLE deliveries ADD COLUMN context TEXT',
  'CREATE TABLE folder (id TEXT NOT NULL, is_known INTEGER NOT NULL) STRICT',
  'INSERT INTO folder VALUES (lower(hex(randomblob(16))), 0)',
]

/** Takes a file through the steps that it has not had. @throws NewerSpoolError */
export function bringUpToDate(database: DatabaseSync): void {
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number }
  if (version > schemaSteps.length) {
    throw new NewerSpoolError(`a newer release wrote it (schema ${version}): start that release to empty it`)
  }
  if (version === schemaSteps.length) return
  inTransaction(database, () => {
    for (const step of schemaSteps.slice(version)) database.exec(step)
    database.exec(`PRAGMA user_version = ${schemaSteps.length}`)
  })
}
