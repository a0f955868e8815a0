import { describe, expect, test } from 'vitest'
import { createShape, isJsonObject, type JsonObject, readMembers } from './members.ts'
import { FoundAnomalies, Place } from './places.ts'

const shape = createShape('callId', 'sourceRefId')

function read(json: string) {
  const found = new FoundAnomalies()
  const { callId, sourceRefId } = readMembers(JSON.parse(json) as JsonObject, shape, new Place(found, ''))
  return { callId, sourceRefId, anomalies: [...found.codes] }
}

describe('readMembers', () => {
  test.each([
    ['canonical keys', '{"callId":1,"sourceRefId":2}', 1, 2, []],
    ['keys in another case', '{"CALLID":1,"SourceRefId":2}', 1, 2, []],
    ['one key of each', '{"callId":1,"SourceRefId":2}', 1, 2, []],
    ['an absent member', '{"callid":1}', 1, undefined, []],
    ['the canonical key before another', '{"CallId":9,"callId":1}', 1, undefined, ['unknown_field']],
    ['the canonical key after another', '{"callId":1,"CallId":9}', 1, undefined, ['unknown_field']],
    ['a canonical null before another', '{"callId":null,"CallId":9}', null, undefined, ['unknown_field']],
    ['the first of two foreign spellings', '{"CallId":1,"CALLID":9}', 1, undefined, ['unknown_field']],
    ['members beside unknown ones', '{"x":0,"callId":1}', 1, undefined, ['unknown_field']],
    ['members respelled beside unknown ones', '{"CallId":1,"x":0,"sourceRefId":2}', 1, 2, ['unknown_field']],
    ['members beside __proto__', '{"__proto__":{"callId":9},"CALLID":1}', 1, undefined, ['unknown_field']],
    ['no members from __proto__', '{"__proto__":{"callId":9}}', undefined, undefined, ['unknown_field']],
    ['no members from constructor', '{"constructor":{"callId":9}}', undefined, undefined, ['unknown_field']],
  ])('finds %s', (_what, json, callId, sourceRefId, anomalies) => {
    expect(read(json)).toEqual({ callId, sourceRefId, anomalies })
  })

  test('does not change the prototype of all objects', () => {
    read('{"__proto__":{"polluted":1},"CallId":{"__proto__":{"polluted":1}}}')
    expect('polluted' in {}).toBe(false)
  })
})

describe('isJsonObject', () => {
  test.each([
    [{}, true],
    [[], false],
    [null, false],
    ['{}', false],
    [1, false],
    [undefined, false],
  ])('%j: %s', (value, expected) => {
    expect(isJsonObject(value)).toBe(expected)
  })
})
