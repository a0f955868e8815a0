/** A phone number that nobody has. A test posts it everywhere, and then looks for it where none may be. */
export const marked = '+447946095812'

const digits = marked.slice(1)
/** The part that every spelling of it has. */
const national = digits.slice(2)

/** The spellings that are posted. */
export const spellings = [
  marked,
  digits,
  `00${digits}`,
  `0${national}`,
  '+44 7946 095812',
  '+44 (0)7946-095-812',
  `tel:${marked}`,
  encodeURIComponent(marked),
] as const

const inBase64 = [0, 1, 2].map((offset) => {
  // The characters at the ends also hold bits of their neighbours.
  const text = Buffer.from('x'.repeat(offset) + national).toString('base64')
  return text.slice(offset === 0 ? 0 : offset + 1, -4)
})
const asBytes = [...national].map((digit) => digit.charCodeAt(0)).join(',')
const inHex = Buffer.from(national).toString('hex')

const forms = new RegExp(
  [[...national].join('[ ().-]*'), ...inBase64.map(quote), asBytes, inHex].join('|'),
  'g',
)

/** Finds the marked number in any spelling: with separators, in base64, in hex, or as the bytes of a Buffer in JSON. */
export function findMarked(output: string | Uint8Array): string[] {
  const text = typeof output === 'string' ? output : Buffer.from(output).toString('latin1')
  return [...text.matchAll(forms)].map(({ index }) => text.slice(Math.max(0, index - 80), index + 80))
}

function quote(text: string): string {
  return text.replaceAll(/[+/]/g, '\\$&')
}
