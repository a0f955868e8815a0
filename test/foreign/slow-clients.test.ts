import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { generateEvents } from '@vss-pipeline/generator'
import { expect, test } from 'vitest'
import { expectAccountedFor } from '../support/accounting.ts'
import { postUntilAcknowledged } from '../support/load.ts'
import { startRunningPipeline } from '../support/running-pipeline.ts'

const run = promisify(execFile)
const attackers = 1_000
const seconds = 20
const posts = 3_000

/** Three modes of slowhttptest: it never ends its headers, never ends its bodies, or hardly reads the answers. */
test.each([
  ['slow headers', ['-H', '-i', '2']],
  ['slow bodies', ['-B', '-i', '2', '-s', '8192']],
  ['slow readers', ['-X', '-w', '10', '-y', '20', '-n', '5', '-z', '32', '-k', '3']],
])('%s: a thousand such clients slow down no other client', async (name, options) => {
  const pipeline = await startRunningPipeline({ env: { REQUEST_TIMEOUT_MS: '5000' } })
  const attack = run(
    'slowhttptest',
    [
      ...options,
      '-c',
      `${attackers}`,
      '-r',
      '500',
      '-l',
      `${seconds}`,
      '-t',
      'POST',
      '-u',
      pipeline.webhookUrl,
    ],
    { maxBuffer: 64 * 1024 * 1024 },
  )
  const events = generateEvents({ seed: name, count: posts, dirtyShare: 0.05 })
  const startedAt = performance.now()
  const { acknowledged, answers } = await postUntilAcknowledged(pipeline.webhookUrl, events, {
    connections: 8,
  })
  const msAPost = (performance.now() - startedAt) / posts
  await attack
  expect(Object.fromEntries(answers)).toEqual({ 200: posts })
  expect(msAPost, 'milliseconds a POST').toBeLessThan(10)
  await expectAccountedFor(pipeline.pool, acknowledged, { withinMs: 30_000 })
  expect((await fetch(`${pipeline.ingest.opsUrl}/readyz`)).status).toBe(200)
})
