/** The programs that read settings, with the command that starts each and a sentence about it. */
export const programs = {
  ingest: {
    command: 'node services/ingest/src/main.ts',
    does: 'Takes webhooks over HTTP, and answers 200 when Redis or its spool has them on disk.',
  },
  worker: {
    command: 'node services/worker/src/main.ts',
    does: 'Takes deliveries from Redis, and makes rows of them in Postgres.',
  },
  console: {
    command: 'node services/console/src/main.ts',
    does: 'Shows operators the pipeline and its records, as web pages.',
  },
  migrate: {
    command: 'node packages/storage/src/migrate.ts',
    does: 'Brings the schema of the database up to date, and ends.',
  },
  vss: { command: 'npx vss', does: "The operator's command." },
  'npm start': {
    command: 'npm start',
    does: 'Starts Postgres, Redis, ingest, a worker and the console on this machine. The services read their own settings as well.',
  },
} as const

export type Program = keyof typeof programs
