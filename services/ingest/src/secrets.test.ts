import { createLogger } from '@vss-pipeline/runtime/service'
import { expect, test } from 'vitest'
import { createRotation } from './secrets.ts'

const oldSecret = 'Bearer of the old one'
const newSecret = 'Bearer of the new one'

function startRotation(host = '127.0.0.1') {
  const lines: Record<string, unknown>[] = []
  const logger = createLogger({
    service: 'test',
    level: 'info',
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  })
  const { isAuthentic, take } = createRotation({ secrets: [oldSecret], host, logger })
  return { isAuthentic, take, reasons: () => lines.flatMap(({ reason }) => reason ?? []) }
}

test('a new secret becomes valid when two reads agree', () => {
  const { isAuthentic, take } = startRotation()
  take(`${newSecret}\n`)
  expect([isAuthentic(oldSecret), isAuthentic(newSecret)]).toEqual([true, false])
  take(`${newSecret}\n`)
  expect([isAuthentic(oldSecret), isAuthentic(newSecret)]).toEqual([false, true])
})

test('a file that is read while it is written changes nothing', () => {
  const { isAuthentic, take, reasons } = startRotation()
  const half = newSecret.slice(0, 17)
  for (const text of [oldSecret, oldSecret, '', half, newSecret, newSecret]) {
    take(text)
    expect(isAuthentic(half)).toBe(false)
  }
  expect(isAuthentic(newSecret)).toBe(true)
  expect(reasons()).toEqual([])
})

test('a secret that could be guessed does not become valid where others reach ingest', () => {
  const { isAuthentic, take, reasons } = startRotation('0.0.0.0')
  for (let times = 0; times < 4; times++) take('guess me')
  expect([isAuthentic(oldSecret), isAuthentic('guess me')]).toEqual([true, false])
  expect(reasons()).toEqual(['has a secret of 8 characters: it takes 16 or more unless HOST is loopback'])
})
