import { defineConfig } from 'vitest/config'

/** `npm run test:incidents`: how an operator learns of what goes wrong, by `vss status` and by a real Prometheus. */
export default defineConfig({
  test: {
    include: ['test/incidents/**/*.test.ts'],
    globalSetup: ['test/incidents/programs.ts', 'test/support/servers/setup.ts'],
    testTimeout: 180_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
    pool: 'forks',
    // One file at a time, because alerts are to fire in time.
    fileParallelism: false,
  },
})
