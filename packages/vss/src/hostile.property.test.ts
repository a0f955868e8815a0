/** Validation answers for any body, and every session that it lets pass fits the columns. */
import { isUuid } from '@vss-pipeline/delivery'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { examples, hostileEvents } from '../../../test/support/hostile-events.ts'
import { bodyOf, examplesReceivedAtMs } from '../../../test/support/vendor-examples.ts'
import { type CallLeg, enrichSession, type Session } from './enrich.ts'
import { validateEvent } from './validate.ts'

const codes = ['malformed_json', 'not_an_object', 'unsupported_event', 'missing_field', 'invalid_field']

function expectUuid(text: string) {
  expect(text).toSatisfy(isUuid)
  expect(text).toBe(text.toLowerCase())
}

function expectText(value: string | null, maxLength: number) {
  if (value === null) return
  expect(value.length).toBeGreaterThan(0)
  expect(value.length).toBeLessThanOrEqual(maxLength)
  expect(value).not.toContain('\0')
  expect(value.isWellFormed()).toBe(true)
}

function expectInt(value: number | null, min: number) {
  if (value === null) return
  expect(Number.isInteger(value) && value >= min && value < 2 ** 31).toBe(true)
}

function expectReal(value: number | null) {
  if (value === null) return
  const stored = Math.fround(value)
  expect(Number.isFinite(stored)).toBe(true)
  expect(stored === 0).toBe(value === 0)
}

function expectTime(epochMs: number | null) {
  if (epochMs !== null) expect(new Date(epochMs).toISOString()).toMatch(/^[2-9]\d{3}-/)
}

function expectSeconds(value: number | null) {
  if (value !== null) expect(value).toBeGreaterThanOrEqual(0)
}

function expectLegFitsColumns(leg: CallLeg) {
  expect(leg.leg).toMatch(/^[A-Z]$/)
  if (leg.callId !== null) expectUuid(leg.callId)
  for (const word of [leg.direction, leg.callType, leg.status, leg.sourceFormat, leg.destinationFormat]) {
    expectText(word, 64)
  }
  for (const time of [leg.initiatedAtMs, leg.connectedAtMs, leg.disconnectedAtMs]) expectTime(time)
  for (const number of [leg.source, leg.destination]) expectText(number, 255)
  for (const id of [leg.sourceRefId, leg.destinationRefId]) expectText(id, 255)
  for (const country of [leg.sourceCountry, leg.destinationCountry]) {
    if (country !== null) expect(country).toMatch(/^[A-Z]{2}$/)
  }
  for (const real of [leg.mos, leg.packetLossRate, leg.jitterMs]) expectReal(real)
  expectInt(leg.durationSeconds, 0)
  expectInt(leg.errorCode, -(2 ** 31))
  expectText(leg.errorMessage, 2000)
  expectSeconds(leg.ringSeconds)
}

function expectFitsColumns(session: Session) {
  expectUuid(session.sessionId)
  expectText(session.subAccountId, 255)
  for (const word of [session.status, session.lastAction]) expectText(word, 64)
  for (const time of [session.startedAtMs, session.endedAtMs]) expectTime(time)
  for (const number of [session.caller, session.virtualNumber, session.callee]) expectText(number, 255)
  for (const seconds of [session.durationSeconds, session.ringSeconds, session.talkSeconds])
    expectSeconds(seconds)
  for (const real of [session.mosMin, session.packetLossMax, session.jitterMsMax]) expectReal(real)
  expectInt(session.callCount, 0)
  for (const int of [session.schemaVersion, session.errorCode]) expectInt(int, -(2 ** 31))
  expectText(session.clientRequestId, 255)
  expectText(session.errorMessage, 2000)
  expect(session.anomalies).toEqual([...new Set(session.anomalies)].sort())
  const letters = session.legs.map(({ leg }) => leg)
  expect(letters).toEqual([...new Set(letters)].sort())
  session.legs.forEach(expectLegFitsColumns)
  // JSON would lose NaN, undefined and -0: none of them may be there.
  expect(JSON.parse(JSON.stringify(session))).toEqual(session)
}

/** Validates a body and checks the answer. @returns whether the body passed. */
function expectAnswer(body: Uint8Array): boolean {
  const validation = validateEvent(body)
  if (validation.ok) {
    expectFitsColumns(enrichSession(validation.session, examplesReceivedAtMs))
    return true
  }
  expect(validation.reasons.length).toBeGreaterThanOrEqual(1)
  expect(validation.reasons.length).toBeLessThanOrEqual(20)
  for (const { code, path, message } of validation.reasons) {
    expect(codes).toContain(code)
    expect(path).toMatch(/^(namespace|eventType|payload(\.[A-Za-z]+){0,2})?$/)
    expect(message).toMatch(/^expected /)
  }
  if (validation.sessionId !== null) expectUuid(validation.sessionId)
  return false
}

const exampleBodies = examples.map((event) => bodyOf(event))

test('random bytes are rejected with reasons', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (body) => {
      expect(expectAnswer(body)).toBe(false)
    }),
    { numRuns: 500 },
  )
})

test('random JSON is rejected with reasons', () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      expect(expectAnswer(bodyOf(json))).toBe(false)
    }),
    { numRuns: 500 },
  )
})

test('an example with bytes changed gets an answer', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 5,
  })
  let passed = 0
  fc.assert(
    fc.property(exampleBodies, changes, (body, bytes) => {
      for (const [at, byte] of bytes) body[at % body.length] = byte
      if (expectAnswer(body)) passed++
    }),
    { numRuns: 1500 },
  )
  expect(passed).toBeGreaterThan(0)
})

test('an example that is cut short is malformed', () => {
  fc.assert(
    fc.property(exampleBodies, fc.nat(), (body, at) => {
      const validation = validateEvent(body.subarray(0, at % body.length))
      expect(validation).toMatchObject({ ok: false, reasons: [{ code: 'malformed_json' }] })
    }),
  )
})

test('an example with anything grafted in at any place gets an answer', () => {
  let passed = 0
  let rejected = 0
  fc.assert(
    fc.property(hostileEvents, (event) => {
      if (expectAnswer(bodyOf(event))) passed++
      else rejected++
    }),
    { numRuns: 3000 },
  )
  // The property says little when nearly all events pass, or nearly none.
  expect(Math.min(passed, rejected)).toBeGreaterThan(300)
})
