import { expect, test } from 'vitest'
import { formatLogLine, messageOf } from './log-lines.ts'

const entry = { level: 'info', time: '2026-01-02T03:04:05.678Z', service: 'worker', pid: 7, msg: 'consuming' }

test('a log line shows time, service, message and its own fields', () => {
  const line = formatLogLine('worker', JSON.stringify({ ...entry, opsPort: 9465, host: '127.0.0.1' }))
  expect(line).toMatch(/^\d\d:\d\d:05 worker consuming opsPort=9465 host=127\.0\.0\.1$/)
})

test('a level other than info is shown', () => {
  const line = formatLogLine('worker', JSON.stringify({ ...entry, level: 'warn' }))
  expect(line).toMatch(/ worker warn: consuming$/)
})

test.each(['node:internal/modules ...', '42', ''])(
  'a line that is not a log entry keeps its text: %j',
  (line) => {
    expect(formatLogLine('ingest', line)).toBe(`         ingest ${line}`)
    expect(messageOf(line)).toBe(line)
  },
)
