import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: [
      'packages/**/*.test.ts',
      'services/**/*.test.ts',
      'test/{structure,integration,e2e,bench}/**/*.test.ts',
    ],
    globalSetup: 'test/support/servers/setup.ts',
    // Tests start services and wait for what these do: real work, on machines of any speed.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    pool: 'forks',
    // All files share one Postgres and one Redis, and their services share the cores. A third of the time they wait.
    maxWorkers: 3,
  },
})
