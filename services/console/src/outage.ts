import { hasAnswered, QueueUnavailableError } from '@vss-pipeline/queue'
import { StorageFault } from '@vss-pipeline/storage'

/** A page's words for something that it needs and cannot have. */
export interface Outage {
  readonly title: string
  readonly text: string
  readonly remedy: string
}

/** SQLSTATE query_canceled. */
const statementTimedOut = '57014'

/** Explains an error of Postgres or Redis; null for an error that is a bug. No value of a row is in it. */
export function explainOutage(error: unknown): Outage | null {
  if (error instanceof QueueUnavailableError) {
    if (hasAnswered(error.cause)) {
      return {
        title: 'Redis answers, and cannot be used',
        text: `The queue cannot be read. (${redisWords(error)})`,
        remedy:
          'See whether REDIS_URL of the console has the right user and password, and QUEUE_PREFIX a name that no other program uses.',
      }
    }
    return {
      title: 'Redis does not answer',
      text: 'The queue cannot be read. Where ingest has a spool, deliveries are safe there meanwhile; without one ingest answers 503.',
      remedy: 'Start Redis, or see whether REDIS_URL of the console is right.',
    }
  }
  if (!(error instanceof StorageFault)) return null
  if (error.sqlState === statementTimedOut) {
    return {
      title: 'This took too long',
      text: 'Postgres had no answer within 10 seconds, and was stopped.',
      remedy: 'Ask for a shorter time, or for a number or an id.',
    }
  }
  return { ...meaningOf[error.code], text: `${meaningOf[error.code].text} (${error.message})` }
}

/** Redis' own words; they quote no value. */
export function redisWords({ cause, message }: QueueUnavailableError): string {
  return cause instanceof Error ? cause.message.slice(0, 300) : message
}

const meaningOf: Record<StorageFault['code'], Outage> = {
  database_unavailable: {
    title: 'Postgres does not answer',
    text: 'No row can be read. Deliveries are safe meanwhile: they wait in the queue.',
    remedy:
      'Start Postgres, or see whether DATABASE_URL of the console is right, or READ_DATABASE_URL where it is set.',
  },
  schema_missing: {
    title: 'The database is not migrated',
    text: 'It does not have the tables of this release.',
    remedy: 'Run the migrations: npx vss migrate',
  },
  permission_denied: {
    title: 'The console may not read this',
    text: 'Its role lacks a privilege.',
    remedy: 'Give DATABASE_URL the role vss_support, and run the migrations again: docs/console.md.',
  },
  wrong_encoding: {
    title: 'The database is not in UTF-8',
    text: 'It cannot hold all that senders write.',
    remedy: 'Make a database in UTF-8, and migrate there.',
  },
  database_busy: {
    title: 'Postgres is busy',
    text: 'Another transaction holds what this page reads.',
    remedy: 'Nothing needs to be done: the page tries again.',
  },
  database_fault: {
    title: 'Postgres refused the question',
    text: 'This should not happen.',
    remedy: "The console's log has the error.",
  },
}
