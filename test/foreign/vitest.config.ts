import { defineConfig } from 'vitest/config'

/** `npm run test:foreign`: the real services behind and beside programs that nobody here wrote. */
export default defineConfig({
  test: {
    include: ['test/foreign/**/*.test.ts'],
    globalSetup: ['test/foreign/programs.ts', 'test/support/servers/setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
    pool: 'forks',
    // One at a time: they open thousands of connections.
    fileParallelism: false,
  },
})
