import { gzipSync } from 'node:zlib'
import { generateEvents } from '@vss-pipeline/generator'
import { expect, test } from 'vitest'
import { clearNumbers, maskedNumbers } from '../numbers.ts'
import { bodyView } from './body.ts'

async function show(body: Uint8Array | null): Promise<string> {
  return String(await bodyView({ body, numbers: maskedNumbers }))
}

test('a compressed body is shown as its content', async () => {
  const view = await show(gzipSync('{"a": 1}'))
  expect(view).toContain('&quot;a&quot;: 1')
  expect(view).toContain('28 bytes as sent, compressed; 8 bytes of content.')
})

test('bytes that are no text are shown as hexadecimal digits', async () => {
  expect(await show(Buffer.from([0xff, 0x00, 0x41]))).toContain('0000  ff 00 41')
  expect(await show(gzipSync('{"a": 1}').subarray(0, 20))).toContain(
    'It is compressed, and damaged or too large',
  )
})

test('a body that is not there is said to be missing, and a long one is cut', async () => {
  expect(await show(null)).toContain('There is no body')
  const long = await show(Buffer.from(`["${'x'.repeat(100_000)}"]`))
  expect(long).toContain('The rest is not shown.')
  expect(long.length).toBeLessThan(70_000)
})

test('every made-up event, however dirty, can be shown', async () => {
  for (const { body } of generateEvents({ seed: 'bodies', count: 1_000, dirtyShare: 1 })) {
    for (const numbers of [clearNumbers, maskedNumbers]) {
      const view = String(
        await bodyView({ body, numbers, reasons: [{ path: 'payload.sessionId', message: 'x' }] }),
      )
      expect(view).toContain('<pre class="body"')
    }
  }
})
