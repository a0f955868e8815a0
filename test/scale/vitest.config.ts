import { defineConfig } from 'vitest/config'

/** `npm run test:scale`: the real services on a Redis Cluster, and on a Redis that sentinels watch over. */
export default defineConfig({
  test: {
    include: ['test/scale/**/*.test.ts'],
    globalSetup: ['test/scale/programs.ts', 'test/support/servers/setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
    pool: 'forks',
    // One file at a time: each runs a dozen processes.
    fileParallelism: false,
  },
})
