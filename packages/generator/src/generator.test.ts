import { isUuid } from '@vss-pipeline/delivery'
import type { NormalizedSession } from '@vss-pipeline/vss'
import { enrichSession, validateEvent } from '@vss-pipeline/vss'
import { parsePhoneNumberFromString } from 'libphonenumber-js/max'
import { describe, expect, test } from 'vitest'
import { dirtByKind } from './dirt.ts'
import { type GeneratedEvent, type GeneratorOptions, generateEvents } from './generator.ts'
import { scenarios } from './scenarios.ts'

/** The receipt of events that start when the generator's do by default. */
const receivedAtMs = Date.UTC(2026, 0, 2)

const generate = (options: GeneratorOptions) => [...generateEvents(options)]
const textOf = ({ body }: GeneratedEvent) => new TextDecoder().decode(body)

function sessionOf(event: GeneratedEvent): NormalizedSession {
  const validation = validateEvent(event.body)
  if (!validation.ok) throw new Error(`${event.kind}: ${JSON.stringify(validation.reasons)}`)
  return validation.session
}

describe('repeatability', () => {
  const options = { seed: 'same', count: 300, dirtyShare: 0.5 }

  test('the same seed gives the same events, byte for byte', () => {
    expect(generate(options)).toEqual(generate(options))
  })

  test('another seed gives other events', () => {
    expect(generate({ ...options, seed: 'other' }).map(textOf)).not.toEqual(generate(options).map(textOf))
  })

  test('a longer run begins like a shorter one', () => {
    expect(generate({ ...options, count: 400 }).slice(0, 300)).toEqual(generate(options))
  })
})

describe('amount', () => {
  test('equals the count', () => {
    expect(generate({ seed: 1, count: 7 })).toHaveLength(7)
    expect(generate({ seed: 1, count: 0 })).toHaveLength(0)
  })

  test('has no end without a count', () => {
    const events = generateEvents({ seed: 1 })
    for (let made = 0; made < 2000; made++) expect(events.next().done).toBe(false)
    events.return()
    expect(events.next().done).toBe(true)
  })
})

describe('clean events', () => {
  const events = generate({ seed: 42, count: 3000 })
  const sessions = events.map((event) => enrichSession(sessionOf(event), receivedAtMs))

  test('are stored without an anomaly', () => {
    expect(new Set(sessions.flatMap(({ anomalies }) => anomalies))).toEqual(new Set())
    expect(new Set(events.map(({ kind }) => kind))).toEqual(new Set(['clean']))
  })

  test('each have a session of their own', () => {
    expect(new Set(events.map(({ sessionId }) => sessionId)).size).toBe(events.length)
    expect(sessions.map(({ sessionId }) => sessionId)).toEqual(events.map(({ sessionId }) => sessionId))
    const callIds = sessions.flatMap(({ legs }) => legs.map(({ callId }) => callId))
    expect(new Set(callIds).size).toBe(callIds.length)
  })

  test('have time-based ids in the order of time', () => {
    const ticks = sessions.map(({ sessionId }) => {
      expect(isUuid(sessionId) && sessionId[14] === '1').toBe(true)
      const [low, middle, high] = sessionId.split('-') as [string, string, string]
      return high.slice(1) + middle + low
    })
    expect(ticks).toEqual(ticks.toSorted())
  })

  test('start at the given time', () => {
    const startAtMs = Date.UTC(2030, 5, 1, 12)
    const first = generate({ seed: 1, count: 1, startAtMs })[0]!
    expect(sessionOf(first).startedAtMs).toBe(Date.UTC(2030, 5, 1, 12))
  })

  test('have numbers that are valid in their countries', () => {
    const sides = sessions.flatMap(({ legs }) =>
      legs.flatMap((leg) => [
        { number: leg.source!, country: leg.sourceCountry, type: leg.sourceType },
        { number: leg.destination!, country: leg.destinationCountry, type: leg.destinationType },
      ]),
    )
    for (const { number, country, type } of sides) {
      const parsed = parsePhoneNumberFromString(number)
      expect(parsed).toMatchObject({ number, country })
      expect(parsed?.isValid()).toBe(true)
      expect(type).not.toBeNull()
    }
    expect(new Set(sides.map(({ country }) => country)).size).toBe(9)
  })

  test('are of all three products, of every status, with and without an answer', () => {
    const shapes = new Set(
      sessions.map(({ legs }) => legs.map(({ leg, direction }) => leg + direction).join()),
    )
    expect(shapes).toEqual(new Set(['AINBOUND,BOUTBOUND', 'AINBOUND', 'AOUTBOUND']))
    expect(new Set(sessions.map(({ status }) => status))).toEqual(
      new Set(['COMPLETED', 'NO_ANSWER', 'BUSY', 'CANCELED', 'FAILED', 'ERROR', 'COMPLETED_UNSUBSCRIBED']),
    )
    expect(new Set(sessions.map(({ answered }) => answered))).toEqual(new Set([true, false]))
  })

  test('partly have versions, request ids and quality', () => {
    const share = (has: (session: (typeof sessions)[number]) => boolean) =>
      sessions.filter(has).length / sessions.length
    for (const part of [
      share(({ schemaVersion }) => schemaVersion === 5),
      share(({ clientRequestId }) => clientRequestId !== null),
      share(({ mosMin }) => mosMin !== null),
    ]) {
      expect(part).toBeGreaterThan(0.1)
      expect(part).toBeLessThan(0.9)
    }
  })
})

describe('events of a period', () => {
  const hourMs = 3_600_000
  const untilMs = Date.UTC(2026, 2, 31, 5)
  const period = { fromMs: untilMs - 28 * 24 * hourMs, untilMs }
  const count = 8000
  const options = { seed: 'month', count, period }
  const sessions = generate(options).map((event) => enrichSession(sessionOf(event), untilMs))
  const shareOf = (has: (session: (typeof sessions)[number]) => boolean) =>
    sessions.filter(has).length / sessions.length

  test('are the same under the same seed', () => {
    expect(generate({ ...options, count: 200 })).toEqual(generate({ ...options, count: 200 }))
  })

  test('fill it, one after the other, without an anomaly', () => {
    const starts = sessions.map(({ startedAtMs }) => startedAtMs)
    expect(starts).toEqual(starts.toSorted((one, other) => one - other))
    expect(starts[0]! - period.fromMs).toBeLessThan(6 * hourMs)
    expect(starts[0]).toBeGreaterThanOrEqual(period.fromMs)
    expect(untilMs - starts.at(-1)!).toBeLessThan(hourMs)
    expect(starts.at(-1)).toBeLessThan(untilMs)
    expect(sessions.flatMap(({ anomalies }) => anomalies)).toEqual([])
    expect(new Set(sessions.map(({ sessionId }) => sessionId)).size).toBe(count)
  })

  test('fill it with repeats too', () => {
    const dirty = generate({ ...options, dirtyShare: 0.8 }).findLast(({ kind }) => kind === 'clean')!
    expect(untilMs - sessionOf(dirty).startedAtMs!).toBeLessThan(24 * hourMs)
  })

  test('come by day rather than by night, and less on Sundays', () => {
    const inSingapore = (startedAtMs: number) => new Date(startedAtMs + 8 * hourMs)
    const isAtNight = shareOf(({ startedAtMs }) => inSingapore(startedAtMs).getUTCHours() < 6)
    const isSunday = shareOf(({ startedAtMs }) => inSingapore(startedAtMs).getUTCDay() === 0)
    expect(isAtNight).toBeLessThan(0.04)
    expect(isAtNight).toBeGreaterThan(0)
    expect(isSunday).toBeLessThan(0.09)
    expect(isSunday).toBeGreaterThan(0.02)
  })

  test('come from large and small sub-accounts, mostly within a country', () => {
    const counts = Object.values(Object.groupBy(sessions, ({ subAccountId }) => subAccountId)).map(
      (some) => some!.length,
    )
    expect(counts).toHaveLength(12)
    expect(Math.max(...counts)).toBeGreaterThan(5 * Math.min(...counts))
    const masked = sessions.filter(({ legs }) => legs.length === 2)
    const domestic = masked.filter(({ legs }) => legs[0]!.sourceCountry === legs[1]!.destinationCountry)
    expect(domestic.length / masked.length).toBeGreaterThan(0.5)
  })
})

test('a period takes a count', () => {
  const events = generateEvents({ seed: 1, period: { fromMs: 0, untilMs: 1 } })
  expect(() => events.next()).toThrow('a period takes a count')
})

test('the shares of the scenarios add up to 1,000', () => {
  expect(Object.values(scenarios).reduce((sum, { share }) => sum + share, 0)).toBe(1000)
})

describe('dirty events', () => {
  const events = generate({ seed: 7, count: 6000, dirtyShare: 0.6 })
  const kinds = ['clean', 'duplicate', 'correction', ...Object.keys(dirtByKind)]

  test('come in the asked share', () => {
    const dirty = events.filter(({ kind }) => kind !== 'clean').length / events.length
    expect(dirty).toBeGreaterThan(0.57)
    expect(dirty).toBeLessThan(0.63)
  })

  test.each(kinds)('%s: they are handled as expected', (kind) => {
    const ofKind = events.filter((event) => event.kind === kind)
    expect(ofKind.length).toBeGreaterThan(10)
    for (const event of ofKind) {
      const validation = validateEvent(event.body)
      if (event.expected.outcome === 'rejected') {
        expect(validation).toMatchObject({ ok: false, sessionId: event.sessionId })
        const codes = validation.ok ? [] : validation.reasons.map(({ code }) => code)
        expect([...new Set(codes)]).toEqual(event.expected.reasons)
        continue
      }
      const session = enrichSession(sessionOf(event), receivedAtMs)
      expect(session.sessionId).toBe(event.sessionId)
      expect(session.anomalies).toEqual(event.expected.outcome === 'stored' ? event.expected.anomalies : [])
    }
  })

  test('repeat a session if and only if they are duplicates or corrections', () => {
    const latest = new Map<string, string>()
    const repeated = new Set<string>()
    for (const event of events) {
      const { kind, sessionId } = event
      if (sessionId === null) continue
      const earlier = latest.get(sessionId)
      if (kind === 'duplicate') expect(textOf(event)).toBe(earlier)
      else if (kind === 'correction') expect([undefined, textOf(event)]).not.toContain(earlier)
      else expect(earlier).toBeUndefined()
      latest.set(sessionId, textOf(event))
      if (earlier !== undefined) repeated.add(sessionId)
    }
    expect(latest.size).toBeGreaterThan(3000)
    expect(repeated.size).toBeGreaterThan(300)
  })
})
