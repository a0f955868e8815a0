import { defineConfig } from 'vitest/config'

/** `npm run test:scale`: the real services on several Redis and Postgres servers and behind a pooler, while some of them fail. */
export default defineConfig({
  test: {
    include: ['test/scale/**/*.test.ts'],
    globalSetup: ['test/scale/programs.ts', 'test/support/servers/setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
    pool: 'forks',
    // One file at a time: each runs a dozen processes, and some measure the time of recovery.
    fileParallelism: false,
  },
})
