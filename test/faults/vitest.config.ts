import { defineConfig } from 'vitest/config'

/** `npm run test:faults`: the real services and servers under load, while something fails. */
export default defineConfig({
  test: {
    // The fuzz is the one of `npm test`, with more bodies.
    include: ['test/faults/**/*.test.ts', 'test/e2e/pipeline/fuzz.test.ts'],
    globalSetup: 'test/support/servers/setup.ts',
    provide: { withRetention: true },
    testTimeout: 300_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
    pool: 'forks',
    // One file at a time, because the tests measure the time of recovery.
    fileParallelism: false,
  },
})
