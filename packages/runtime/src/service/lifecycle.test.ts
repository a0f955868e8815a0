import { expect, test } from 'vitest'
import { createLifecycle } from './lifecycle.ts'
import { createLogger } from './logger.ts'

function createRecordingLifecycle(timeoutMs = 5_000) {
  const lines: Record<string, unknown>[] = []
  const logger = createLogger({
    service: 'test',
    level: 'info',
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  })
  return { lifecycle: createLifecycle({ logger, timeoutMs }), lines }
}

const never = new Promise<void>(() => undefined)

test('closers run one by one, the last one registered first', async () => {
  const { lifecycle, lines } = createRecordingLifecycle()
  const events: string[] = []
  for (const name of ['queue', 'ops', 'http']) {
    lifecycle.onClose(name, async () => {
      events.push(`${name} closes`)
      await new Promise(setImmediate)
      events.push(`${name} closed`)
    })
  }
  expect(await lifecycle.close()).toBe(true)
  expect(events).toEqual([
    'http closes',
    'http closed',
    'ops closes',
    'ops closed',
    'queue closes',
    'queue closed',
  ])
  expect(lines).toEqual([])
})

test('a closer that fails, at once or later, is logged, and the others run', async () => {
  const { lifecycle, lines } = createRecordingLifecycle()
  let closed = 0
  lifecycle.onClose('last', () => closed++)
  lifecycle.onClose('throws', () => {
    throw new Error('at once')
  })
  lifecycle.onClose('rejects', () => Promise.reject(new Error('later')))
  expect(await lifecycle.close()).toBe(false)
  expect(closed).toBe(1)
  expect(lines.map(({ closer, err }) => [closer, (err as Error).message])).toEqual([
    ['rejects', 'later'],
    ['throws', 'at once'],
  ])
})

test('at the deadline it gives up closers that hang, and still starts the others', async () => {
  const { lifecycle, lines } = createRecordingLifecycle(50)
  const closed: string[] = []
  lifecycle.onClose('quick', () => closed.push('quick'))
  lifecycle.onClose('hangs too', () => never)
  lifecycle.onClose('hangs', () => never)
  const startedAt = performance.now()
  expect(await lifecycle.close()).toBe(false)
  const tookMs = performance.now() - startedAt
  expect(tookMs).toBeGreaterThanOrEqual(45)
  expect(tookMs).toBeLessThan(1_000)
  expect(closed).toEqual(['quick'])
  expect(lines.map(({ closer }) => closer)).toEqual(['hangs', 'hangs too'])
})

test('a closer that fails after the deadline is no unhandled rejection', async () => {
  const { lifecycle } = createRecordingLifecycle(10)
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', onUnhandled)
  let fail: (error: Error) => void = () => undefined
  lifecycle.onClose('late', () => new Promise((_, reject) => (fail = reject)))
  await lifecycle.close()
  fail(new Error('too late'))
  await new Promise(setImmediate)
  process.off('unhandledRejection', onUnhandled)
  expect(unhandled).toEqual([])
})

test('further closings share the first run', async () => {
  const { lifecycle } = createRecordingLifecycle()
  let runs = 0
  lifecycle.onClose('once', async () => {
    await new Promise(setImmediate)
    runs++
  })
  const results = await Promise.all([lifecycle.close(), lifecycle.close()])
  expect([...results, await lifecycle.close()]).toEqual([true, true, true])
  expect(runs).toBe(1)
})
