import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createTemporaryFolder, projectRoot } from '@vss-pipeline/local-stack'
import { expect, onTestFinished, test } from 'vitest'

const run = promisify(execFile)
const vitest = join(projectRoot, 'node_modules/vitest/vitest.mjs')

test('if the Docker engine cannot fetch images, the tests start local servers and print the reason', async () => {
  const engineUrl = await startEngineWithoutImages()

  // This file needs a server: it creates a database.
  const { stdout } = await runTests('test/integration/storage/schema.test.ts', { DOCKER_HOST: engineUrl })

  const lines = stdout
    .split('\n')
    .filter((line) => line.startsWith('Test servers: ') || /container/.test(line))
  expect(lines).toEqual([
    'Test servers: containers (TEST_SERVERS=containers|local decides)',
    expect.stringMatching(/^A test container did not start; .*no such image here/),
    'Test servers: local (TEST_SERVERS=containers|local decides)',
  ])
})

test('with TEST_SERVERS=containers, local servers do not replace containers', async () => {
  const engineUrl = await startEngineWithoutImages()
  const env = { DOCKER_HOST: engineUrl, TEST_SERVERS: 'containers' }

  const failure = await runTests('packages/vss/src/cache.test.ts', env).catch((error) => error)

  expect(failure).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('A test container did not start'),
  })
})

test('with TEST_PROGRAMS=required a run without the browser and promtool fails, and names them', async () => {
  const env = { PATH: '/nowhere', TEST_PROGRAMS: 'required' }

  const failure = await runTests('packages/vss/src/cache.test.ts', env).catch((error) => error)

  expect(failure).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      'the PATH lacks chromium or chromium-browser or google-chrome; promtool: install what is missing',
    ),
  })
})

/** Runs a test file. Of this process's environment only the PATH reaches it. @throws Error when a test fails. */
async function runTests(file: string, env: NodeJS.ProcessEnv): Promise<{ stdout: string; stderr: string }> {
  return await run(process.execPath, [vitest, 'run', file], {
    cwd: projectRoot,
    // In a container, testcontainers would ask the engine where the host is.
    env: { PATH: process.env.PATH, TESTCONTAINERS_HOST_OVERRIDE: '127.0.0.1', ...env },
  })
}

const answers: [path: RegExp, status: number, answer: object][] = [
  [/\/info$/, 200, { OperatingSystem: 'none', ServerVersion: '28.0.0' }],
  [/\/containers\/json$/, 200, []],
  [/\/images\/create$/, 500, { message: 'no such image here, and no registry' }],
  [/./, 404, { message: 'not found' }],
]

/** Starts an HTTP server that answers as a Docker engine without images and without a registry. @returns its URL. */
async function startEngineWithoutImages(): Promise<string> {
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://engine')
    const [, status, answer] = answers.find(([path]) => path.test(pathname))!
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer))
  })
  const socket = join(folder.path, 'docker.sock')
  server.listen(socket)
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `unix://${socket}`
}
