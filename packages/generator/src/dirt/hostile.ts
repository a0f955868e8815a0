import { type Dirt, leg, stored } from './dirt.ts'

/** JSON.stringify writes an own member of this name; a plain assignment would set the prototype. */
function addProtoMember(object: object): void {
  Object.defineProperty(object, '__proto__', { value: { polluted: true }, enumerable: true })
}

/** Attacks on the reader that do not change the session. */
export const hostile = {
  protoKeys: {
    expected: stored('unknown_field'),
    soil(event) {
      for (const object of [event, event.payload, event.payload.details, leg(event, 'callA')]) {
        addProtoMember(object)
      }
    },
  },
  deepNesting: {
    expected: stored('unknown_field'),
    soil(event) {
      event.deep = 'NESTED'
    },
    rewrite: (json) => json.replace('"NESTED"', `${'['.repeat(10_000)}${']'.repeat(10_000)}`),
  },
} satisfies Record<string, Dirt>
