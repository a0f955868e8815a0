import { StorageFault } from '@vss-pipeline/storage'

/** Why a run failed, and what to do before the next. No value of a row is in it. */
export interface Problem {
  readonly text: string
  readonly remedy: string
}

/** An error about several hosts of Postgres has no end of its own, and a receipt takes no longer text than 1,000. */
const longestMessage = 800

/** Explains an error of a run; null for an error that is a bug. */
export function explainProblem(error: unknown): Problem | null {
  if (!(error instanceof StorageFault)) return null
  const { text, remedy } = meaningOf[error.code]
  return { text: `${text} (${error.message.slice(0, longestMessage)})`, remedy }
}

const meaningOf: Record<StorageFault['code'], Problem> = {
  database_unavailable: {
    text: 'Postgres does not answer.',
    remedy: 'Start Postgres, or see whether OPERATOR_DATABASE_URL of the console is right.',
  },
  schema_missing: {
    text: 'The database does not have the tables of this release.',
    remedy: 'Run the migrations: npx vss migrate',
  },
  permission_denied: {
    text: 'The role of the console may not change rows.',
    remedy: 'Give OPERATOR_DATABASE_URL the role vss_operator: docs/console.md.',
  },
  wrong_encoding: {
    text: 'The database is not in UTF-8, and cannot hold all that senders write.',
    remedy: 'Make a database in UTF-8, and migrate there.',
  },
  database_busy: {
    text: 'Another transaction holds the rows.',
    remedy: 'Go on in a while.',
  },
  database_fault: {
    text: 'Postgres refused a statement, or took too long.',
    remedy: "See the console's log, and go on.",
  },
}
