import { expect, test } from 'vitest'
import { createLastHour } from './last-hour.ts'

const minuteMs = 60_000

function createAt(startMs: number) {
  let nowMs = startMs
  const lastHour = createLastHour({ now: () => nowMs })
  return {
    lastHour,
    passMinutes(minutes: number) {
      for (let passed = 0; passed < minutes; passed++) {
        nowMs += minuteMs
        lastHour.turn()
      }
    },
  }
}

test('POSTs are counted by their end, and a code without a refusal is left out', () => {
  const { lastHour } = createAt(0)
  expect(lastHour.read()).toEqual({ accepted: 0, refused: {} })
  lastHour.accepted()
  lastHour.accepted()
  lastHour.refused('unauthorized')
  expect(lastHour.read()).toEqual({ accepted: 2, refused: { unauthorized: 1 } })
})

test('a POST counts for its minute and 59 more', () => {
  const { lastHour, passMinutes } = createAt(30_000)
  lastHour.accepted()
  lastHour.refused('unavailable')
  passMinutes(1)
  lastHour.accepted()
  passMinutes(58)
  expect(lastHour.read()).toEqual({ accepted: 2, refused: { unavailable: 1 } })
  passMinutes(1)
  expect(lastHour.read()).toEqual({ accepted: 1, refused: {} })
  passMinutes(1)
  expect(lastHour.read()).toEqual({ accepted: 0, refused: {} })
})

test('a long sleep leaves nothing of the hours before', () => {
  const { lastHour, passMinutes } = createAt(0)
  lastHour.accepted()
  passMinutes(1_000)
  lastHour.accepted()
  expect(lastHour.read()).toEqual({ accepted: 1, refused: {} })
})
