/** A body that tries one rule of RFC 8259: it is JSON, almost JSON or no JSON. */
export interface Shape {
  name: string
  body: Uint8Array
}

const text = (name: string, body: string): Shape => ({ name, body: Buffer.from(body) })
const bytes = (name: string, body: number[]): Shape => ({ name, body: Uint8Array.from(body) })

/** Valid JSON that is no object. */
export const otherValues: readonly Shape[] = [
  text('null', 'null'),
  text('true', 'true'),
  text('a number', '-0.5e-3'),
  text('a number beyond doubles', '1e400'),
  text('a number of many digits', '9'.repeat(5_000)),
  text('an empty string', '""'),
  text('a string with every escape', '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uD83D\\uDE00"'),
  text('a lone surrogate, escaped', '"\\uD800"'),
  text('a non-character', '"\uFFFF"'),
  text('an empty array', '[]'),
  text('an array of objects', '[{},{}]'),
  text('spaces around', ' \t\r\n[1] \n'),
]

/** Objects that are no event. */
export const otherObjects: readonly Shape[] = [
  text('an empty object', '{}'),
  text('a member with no name', '{"":0}'),
  text('a member twice', '{"payload":1,"payload":{}}'),
  text('a prototype', '{"__proto__":{"payload":{}},"constructor":{"prototype":{}}}'),
  text('a name with a null character', '{"\\u0000":1}'),
  text('a name with a lone surrogate', '{"\\uDC00":1}'),
  text('many members', `{${Array.from({ length: 3_000 }, (_, index) => `"m${index}":${index}`)}}`),
]

/** Bodies that every JSON parser must refuse. */
export const malformed: readonly Shape[] = [
  text('nothing', ''),
  text('spaces alone', ' \n\t '),
  text('a comma after the last member', '{"a":1,}'),
  text('a comma alone', '[,]'),
  text('two commas', '[1,,2]'),
  text('no comma', '[1 2]'),
  text('no colon', '{"a" 1}'),
  text('two colons', '{"a"::1}'),
  text('a name without quotes', '{a:1}'),
  text('single quotes', "{'a':1}"),
  text('a number for a name', '{1:1}'),
  text('an object that does not end', '{"a":1'),
  text('an array that does not end', '[1'),
  text('a string that does not end', '"abc'),
  text('closed by the other bracket', '[1}'),
  text('something after the end', '{} {}'),
  text('a bracket too many', '[]]'),
  text('a comment', '{} // end'),
  text('a comment inside', '[/* none */]'),
  text('NaN', '[NaN]'),
  text('Infinity', '[-Infinity]'),
  text('undefined', 'undefined'),
  text('capitals', '[True]'),
  text('a plus', '[+1]'),
  text('a leading zero', '[012]'),
  text('a minus alone', '[-]'),
  text('a point at the end', '[1.]'),
  text('a point at the beginning', '[.5]'),
  text('an exponent without digits', '[1e]'),
  text('a hexadecimal number', '[0x1F]'),
  text('fullwidth digits', '[\uFF11]'),
  text('a line end in a string', '["a\nb"]'),
  text('a tab in a string', '["a\tb"]'),
  text('a null character in a string', '["a\0b"]'),
  text('an unknown escape', '["\\x41"]'),
  text('an escape that does not end', '["\\u12"]'),
  text('a backslash at the end', '["\\'),
  text('another space', '[\u00A01]'),
  text('a form feed between', '[\f1]'),
  text('brackets without end', '['.repeat(60_000)),
  text('objects without end', '{"a":'.repeat(12_000)),
  text('HTML', '<html><body>502 Bad Gateway</body></html>'),
  text('a form', 'payload=%7B%7D&namespace=VOICE'),
  bytes('no UTF-8: a lone continuation', [0x22, 0x80, 0x22]),
  bytes('no UTF-8: an overlong slash', [0x22, 0xc0, 0xaf, 0x22]),
  bytes('no UTF-8: a surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]),
  bytes('no UTF-8: beyond Unicode', [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]),
  bytes('no UTF-8: cut off', [0x22, 0xe2, 0x82]),
  bytes('UTF-16, little-endian', [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]),
  bytes('UTF-16, big-endian', [0xfe, 0xff, 0x00, 0x7b, 0x00, 0x7d]),
  bytes('zeros', [0, 0, 0, 0]),
]
