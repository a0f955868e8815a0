import { defineConfig } from 'vitest/config'

const behindPooler = [
  'accounting',
  'backlog',
  'drift',
  'minutes',
  'outages',
  'poison',
  'read-only',
  'shutdown',
  'watermark',
]

/**
 * `npm run test:scale`: the real services on several Redis and Postgres servers, while some of them fail, and then tests
 * of one server again with a pooler before Postgres.
 */
export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: 'servers', include: ['test/scale/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'pooler',
          include: [`test/e2e/pipeline/{${behindPooler.join(',')}}.test.ts`, 'test/faults/postgres.test.ts'],
          env: { TEST_POOLER: 'pgbouncer' },
        },
      },
    ],
    globalSetup: ['test/scale/programs.ts', 'test/support/servers/setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
    pool: 'forks',
    // One file at a time: each runs a dozen processes, and some measure the time of recovery.
    fileParallelism: false,
  },
})
