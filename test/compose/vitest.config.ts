import { defineConfig } from 'vitest/config'

/** `npm run test:compose`: docker-compose.yml and the image, on a Docker engine. */
export default defineConfig({
  test: {
    include: ['test/compose/**/*.test.ts'],
    globalSetup: 'test/compose/setup.ts',
    testTimeout: 180_000,
    hookTimeout: 300_000,
    teardownTimeout: 120_000,
    pool: 'forks',
    // One stack at a time: they share the project's name, its images and the cores.
    fileParallelism: false,
  },
})
