/** Events that nobody should send, for property tests. */
import fc from 'fast-check'
import { completedExample, errorExample, type WireEvent } from './vendor-examples.ts'

/** Every place in an event where a value can be replaced: an object and the name of its member. */
function placesOf(value: unknown): [Record<string, unknown>, string][] {
  if (typeof value !== 'object' || value === null) return []
  const object = value as Record<string, unknown>
  return Object.keys(object).flatMap((name) => [[object, name], ...placesOf(object[name])]) as [
    Record<string, unknown>,
    string,
  ][]
}

/** Any JSON, and values that readers often get wrong. */
const hostileValues = fc.oneof(
  fc.jsonValue(),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.double({ noDefaultInfinity: true, noNaN: true }),
  fc.double({ noDefaultInfinity: true, noNaN: true }).map(String),
  fc.constantFrom(
    'null',
    ' ',
    '\0',
    '\ud800',
    '-0',
    '1e400',
    '+',
    '+1',
    'a'.repeat(3000),
    -0,
    2 ** 31,
    6591178965,
    2 ** 53,
    1e-320,
    `sip:${'9'.repeat(200)}@example.com`,
  ),
  fc.constantFrom(
    '2024-02-30T00:00:00Z',
    '9999-12-31T23:59:59-23:59',
    '1970-01-01T00:00:00Z',
    '1999-12-31T23:59:59-00:01',
    '9999-12-31T24:00:00,000+08',
    '2024-03-25T06:01:36.999Z',
    '2016-12-31T23:59:60Z',
    '0000-01-01T00:00Z',
  ),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.stringMatching(/^\+[0-9]{1,20}$/),
)
const hostileNames = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'callZ',
    'CALLA',
    'calla',
    'callC',
    'SourceRefId',
    'errorDetails',
  ),
)

const grafts = fc.array(fc.tuple(fc.nat(), hostileValues), { minLength: 1, maxLength: 4 })
const additions = fc.array(fc.tuple(fc.nat(), hostileNames, hostileValues), { maxLength: 3 })

function graft(
  event: WireEvent,
  values: [number, unknown][],
  members: [number, string, unknown][],
): WireEvent {
  for (const [at, value] of values) {
    const places = placesOf(event)
    const [object, name] = places[at % places.length]!
    // A copy, because members are added to it, and fast-check may hand out the same value again.
    object[name] = structuredClone(value)
  }
  for (const [at, name, value] of members) {
    const objects = [event, ...placesOf(event).map(([object]) => object)]
    // An assignment would not make `__proto__` a member like any other.
    Object.defineProperty(objects[at % objects.length]!, name, {
      value,
      enumerable: true,
      configurable: true,
    })
  }
  return event
}

/** One of the vendor's examples, made anew each time. */
export const examples = fc.constantFrom(completedExample, errorExample).map((example) => example())

/** An example in which some values are replaced by any others, and some members are added. */
export const hostileEvents = fc
  .tuple(examples, grafts, additions)
  .map(([event, values, members]) => graft(event, values, members))
