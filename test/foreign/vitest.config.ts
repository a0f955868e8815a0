import { defineConfig } from 'vitest/config'

/** `npm run test:foreign`: the real services with programs of others around them, such as proxies and fuzzers. */
export default defineConfig({
  test: {
    include: ['test/foreign/**/*.test.ts'],
    globalSetup: ['test/foreign/programs.ts', 'test/support/servers/setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
    pool: 'forks',
    // One file at a time: each opens thousands of connections.
    fileParallelism: false,
  },
})
