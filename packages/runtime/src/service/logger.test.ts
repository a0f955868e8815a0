import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLogger, redactNumbers } from './logger.ts'

/** Redacts a line that carries the text, and gives the text back. */
function redactText(text: string): string {
  return JSON.parse(redactNumbers(JSON.stringify({ text }))).text
}

describe('a phone number is redacted', () => {
  test.each([
    ['as a value', '+6591234567', '[number]'],
    ['in a sentence', 'call from +14155550123 failed', 'call from [number] failed'],
    ['twice', '+6591234567,+6591234568', '[number],[number]'],
    ['in a URL', 'https://x/?to=%2B6591234567&n=1', 'https://x/?to=[number]&n=1'],
    ['beside letters', 'tel+6591234567x', 'tel[number]x'],
    ['with spaces', 'from +65 9123 4567.', 'from [number].'],
    ['with dashes and brackets', '+1 (415) 555-0123', '[number]'],
    ['on a line of its own', 'detail:\n+6591234567\n', 'detail:\n[number]\n'],
    ['in JSON inside a text', '{"source":"+6591234567"}', '{"source":"[number]"}'],
    ['without a plus, as a value', '6591234567', '[number]'],
    ['without a plus, quoted', 'invalid input "6591234567"', 'invalid input "[number]"'],
    ['without a plus, in brackets', 'Key (source)=(6591234567) exists', 'Key (source)=([number]) exists'],
    ['without a plus, after a colon', 'caller: 6591234567, tel:6591234567', 'caller: [number], tel:[number]'],
    ['without a plus, on a line of its own', 'a\n6591234567\nb', 'a\n[number]\nb'],
  ])('%s', (_, text, redacted) => {
    expect(redactText(text)).toBe(redacted)
  })

  test('in a key', () => {
    expect(redactNumbers('{"+6591234567":1}')).toBe('{"[number]":1}')
  })
})

test('timestamps, ids, addresses, ports and counts stay', () => {
  const line = JSON.stringify({
    time: '2026-11-22T11:50:39.123Z',
    offset: '2026-11-22 11:50:39+08:00',
    deliveryId: '01a20318-cdd9-71ce-827c-38e15ddcf38b',
    digitsOnly: '12345678-1234-7123-8123-123456789012',
    url: 'redis://127.0.0.1:63790/15',
    hash: '5f4dcc3b5aa765d61d8327deb882cf99',
    pid: 12345678,
    epochMs: 1795348239123,
    counts: [12345678, 87654321],
    exponent: 1e21,
    text: 'took 1234567 rows in 0.123456789 s, +5 more',
  })
  expect(redactNumbers(line)).toBe(line)
})

test('a redacted line is still JSON, holds no phone number and keeps values that are not text', () => {
  const number = fc.integer({ min: 1_000_000 }).map((digits) => `+${digits}`)
  const text = fc.array(
    fc.oneof(fc.string({ unit: 'binary' }), number, fc.constantFrom('\\', '"', '\n', ':', ' ')),
  )
  const value = fc.oneof(
    text.map((parts) => parts.join('')),
    fc.double(),
    fc.integer(),
    fc.array(fc.integer()),
  )
  const key = fc.oneof(fc.string(), number, fc.constant('\\'))
  fc.assert(
    fc.property(fc.array(fc.tuple(key, value)), (entries) => {
      const record = Object.fromEntries(entries.map(([key, value], index) => [`${index}${key}`, value]))
      const redacted = redactNumbers(JSON.stringify(record))
      expect(redacted).not.toMatch(/\+\d{7,}/)
      const read = Object.values(JSON.parse(redacted))
      const sent = Object.values(JSON.parse(JSON.stringify(record)))
      expect(read).toHaveLength(sent.length)
      for (const [index, value] of sent.entries()) {
        if (typeof value !== 'string') expect(read[index]).toEqual(value)
      }
    }),
    { numRuns: 200 },
  )
})

describe('a logger', () => {
  function createRecordingLogger(level = 'info') {
    const lines: string[] = []
    const logger = createLogger({
      service: 'ingest',
      level,
      destination: { write: (line) => lines.push(line) },
    })
    return { logger, lines }
  }

  test('writes one JSON object a line, with level, time, service and pid', () => {
    const { logger, lines } = createRecordingLogger()
    logger.info({ port: 8080 }, 'listening')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^\{.*\}\n$/)
    expect(JSON.parse(lines[0]!)).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      service: 'ingest',
      pid: process.pid,
      port: 8080,
      msg: 'listening',
    })
  })

  test('lets no phone number through in a message, a field, or an error with its stack, fields and cause', () => {
    const { logger, lines } = createRecordingLogger()
    const cause = new Error('Key (source)=(+6591234567) already exists')
    const error = Object.assign(new Error('call to +6591234567 failed', { cause }), {
      detail: 'source +6591234567',
    })
    logger.child({ caller: '+6591234567' }).error({ err: error, list: ['+6591234567'] }, 'from +6591234567')
    expect(lines.join('')).toContain('[number]')
    expect(lines.join('')).not.toContain('6591234567')
  })

  test('writes nothing below its level', () => {
    const { logger, lines } = createRecordingLogger('warn')
    logger.info('quiet')
    logger.warn('loud')
    expect(lines).toHaveLength(1)
  })
})

test('an error is logged with its causes, and without the members that a library added', () => {
  const lines: string[] = []
  const logger = createLogger({
    service: 'test',
    level: 'info',
    destination: { write: (line) => lines.push(line) },
  })
  const cause = Object.assign(new Error('OOM'), { command: { name: 'evalsha', args: ['the whole batch'] } })

  logger.warn({ err: new Error('not kept', { cause }) }, 'refused')

  expect(JSON.parse(lines[0]!).err).toMatchObject({
    type: 'Error',
    message: 'not kept',
    cause: { message: 'OOM' },
  })
  expect(lines[0]).not.toContain('the whole batch')
})

test('an error that is its own cause is logged', () => {
  const lines: string[] = []
  const logger = createLogger({
    service: 'test',
    level: 'info',
    destination: { write: (line) => lines.push(line) },
  })
  const error = new Error('round')
  error.cause = error
  logger.warn({ err: error }, 'and round')
  expect(JSON.parse(lines[0]!)).toMatchObject({ msg: 'and round', err: { message: 'round' } })
})
