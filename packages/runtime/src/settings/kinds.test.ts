import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ConfigError } from './config-error.ts'
import {
  addresses,
  apiAddress,
  flag,
  integer,
  one,
  oneOf,
  pairs,
  secrets,
  share,
  text,
  url,
} from './kinds.ts'
import { readVariable, requireVariable } from './variable.ts'

const folder = mkdtempSync(join(tmpdir(), 'env-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

function fileWith(content: string): string {
  const path = join(folder, `secret-${Math.random()}`)
  writeFileSync(path, content)
  return path
}

/** The message of the error that a read throws. */
function errorOf(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).message
  }
  throw new Error('no error was thrown')
}

describe('a text', () => {
  test('is read, trimmed', () => {
    expect(readVariable({ HOST: ' 10.0.0.1 ' }, 'HOST', text())).toBe('10.0.0.1')
  })

  test('counts as unset when it is empty or blank', () => {
    const env = { EMPTY: '', BLANK: '  ' }
    for (const name of ['UNSET', 'EMPTY', 'BLANK']) expect(readVariable(env, name, text())).toBeUndefined()
  })

  test('that is required and unset is refused', () => {
    for (const env of [{}, { HOST: '' }, { HOST: ' ' }]) {
      expect(errorOf(() => requireVariable(env, 'HOST', text()))).toBe('HOST is not set: it takes a text')
    }
  })

  test('that is not one of the choices is refused with variable, value and choices', () => {
    const env = { LOG_LEVEL: 'loud' }
    expect(errorOf(() => readVariable(env, 'LOG_LEVEL', oneOf('info', 'warn')))).toBe(
      'LOG_LEVEL is "loud": it takes one of info, warn',
    )
  })
})

describe('an integer', () => {
  const port = integer({ min: 0, max: 65_535 })

  test.each([
    ['0', 0],
    ['65535', 65_535],
    [' 8080 ', 8080],
  ])('%j is %d', (given, value) => {
    expect(readVariable({ PORT: given }, 'PORT', port)).toBe(value)
  })

  test.each(['-1', '65536', '80.5', '8e3', '0x50', '80 90', 'NaN', 'Infinity', '9'.repeat(30), '١٢'])(
    '%j is refused with variable, value and range',
    (given) => {
      expect(errorOf(() => readVariable({ PORT: given }, 'PORT', port))).toBe(
        `PORT is "${given}": it takes a whole number from 0 to 65535`,
      )
    },
  )

  test('counts as unset when it is empty, and is refused then where it is required', () => {
    expect(readVariable({ PORT: '' }, 'PORT', port)).toBeUndefined()
    expect(errorOf(() => requireVariable({}, 'PORT', integer({ min: 1, max: 2 })))).toBe(
      'PORT is not set: it takes a whole number from 1 to 2',
    )
  })
})

describe('a flag', () => {
  test.each([
    ['true', true],
    ['FALSE', false],
    ['', undefined],
  ])('%j is %j', (given, value) => {
    expect(readVariable({ FLAG: given }, 'FLAG', flag())).toBe(value)
  })

  test.each(['1', 'yes', 'treu'])('%j is refused', (given) => {
    expect(errorOf(() => readVariable({ FLAG: given }, 'FLAG', flag()))).toBe(
      `FLAG is "${given}": it takes true or false`,
    )
  })
})

test.each([
  ['1', true],
  ['0', false],
  ['true', false],
  ['', undefined],
])('a one: %j is %j', (given, value) => {
  expect(readVariable({ VSS_NO_APT: given }, 'VSS_NO_APT', one())).toBe(value)
})

describe('a URL', () => {
  const redisUrl = url('redis:', 'rediss:')

  test('is read as it stands', () => {
    const given = 'rediss://user:p%40ss@redis.internal:6380/2'
    expect(readVariable({ REDIS_URL: given }, 'REDIS_URL', redisUrl)).toBe(given)
  })

  test('that is required and unset is refused', () => {
    expect(errorOf(() => requireVariable({}, 'REDIS_URL', redisUrl))).toBe(
      'REDIS_URL is not set: it takes a URL that begins with redis:// or rediss://',
    )
  })

  test.each(['http://user:hunter2@host', '//user:hunter2@host', 'hunter2', 'redis:// hunter2:x'])(
    'that cannot be used is refused without being shown',
    (given) => {
      const message = errorOf(() => readVariable({ REDIS_URL: given }, 'REDIS_URL', redisUrl))
      expect(message).toMatch(/^REDIS_URL .*: it takes a URL that begins with redis:\/\/ or rediss:\/\/$/)
      expect(message).not.toContain('hunter2')
    },
  )
})

describe('the address of an API', () => {
  const read = (given: string) => readVariable({ VSS_API_URL: given }, 'VSS_API_URL', apiAddress())

  test.each([
    ['https://voice.8x8.com', 'https://voice.8x8.com'],
    [' https://gateway.example.com/8x8/ ', 'https://gateway.example.com/8x8'],
    ['http://127.0.0.1:8081', 'http://127.0.0.1:8081'],
    ['http://localhost', 'http://localhost'],
    ['http://[::1]:1', 'http://[::1]:1'],
  ])('may be %s', (given, address) => {
    expect(read(given)).toBe(address)
  })

  test.each([
    'http://voice.8x8.com',
    'http://127.0.0.1.example.com',
    'ftp://127.0.0.1',
    'https://user:hunter2@voice.8x8.com',
    'https://voice.8x8.com/?key=hunter2',
    'voice.8x8.com',
    'hunter2',
  ])('may not be %s, which is not shown', (given) => {
    const message = errorOf(() => read(given))
    expect(message).toMatch(/^VSS_API_URL .*: it takes a URL that begins with https:\/\/, or with http/)
    expect(message).not.toContain('hunter2')
  })
})

describe('a list of addresses', () => {
  test('is split at commas and lines, trimmed, without empty items', () => {
    const env = { ALLOWED_IPS: ' ::1 ,, 10.0.0.0/8,\n 10.0.0.1\r\n' }
    expect(readVariable(env, 'ALLOWED_IPS', addresses())).toEqual(['::1', '10.0.0.0/8', '10.0.0.1'])
  })

  test('is empty when it holds commas alone', () => {
    expect(readVariable({ ALLOWED_IPS: ' , ,' }, 'ALLOWED_IPS', addresses())).toEqual([])
  })
})

describe('secrets', () => {
  test('are separated by commas in the variable, and by lines alone in its file', () => {
    const env = { SECRETS: ' Bearer a b ,, c,\n d\r\n' }
    expect(readVariable(env, 'SECRETS', secrets())).toEqual(['Bearer a b', 'c', 'd'])
    const inFile = { SECRETS_FILE: fileWith('\nBasic a,b \r\n  c\n') }
    expect(readVariable(inFile, 'SECRETS', secrets())).toEqual(['Basic a,b', 'c'])
  })

  test('count as unset when they are empty, as compose files leave them', () => {
    const env = { EMPTY: '', EMPTY_FILE: '' }
    for (const name of ['UNSET', 'EMPTY']) expect(readVariable(env, name, secrets())).toBeUndefined()
  })

  test.each([',', ' , ,', ' ', '\n'])('are refused when the variable is %j', (given) => {
    expect(errorOf(() => readVariable({ SECRETS: given }, 'SECRETS', secrets()))).toBe(
      'SECRETS is set but holds no secret: it takes secrets, separated by commas',
    )
  })

  test.each(['', '\n', ' \r\n\n'])('are refused when the file holds %j', (given) => {
    const path = fileWith(given)
    expect(errorOf(() => readVariable({ SECRETS_FILE: path }, 'SECRETS', secrets()))).toBe(
      `SECRETS_FILE: "${path}" holds no secret: it takes a file with one a line`,
    )
  })
})

describe('NAME_FILE', () => {
  test('gives the value in the file, trimmed', () => {
    const env = { PROXIES_FILE: fileWith('::1\n::2\n'), PORT_FILE: fileWith('81\n') }
    expect(readVariable(env, 'PROXIES', addresses())).toEqual(['::1', '::2'])
    expect(readVariable(env, 'PORT', integer({ min: 0, max: 100 }))).toBe(81)
  })

  test('that names an empty file counts as unset', () => {
    expect(readVariable({ HOST_FILE: fileWith(' \n') }, 'HOST', text())).toBeUndefined()
  })

  test('is refused beside NAME itself, unless one of them is empty', () => {
    const path = fileWith('from file')
    expect(errorOf(() => readVariable({ HOST: 'a', HOST_FILE: path }, 'HOST', text()))).toBe(
      'HOST and HOST_FILE are both set: set one of them',
    )
    expect(readVariable({ HOST: '', HOST_FILE: path }, 'HOST', text())).toBe('from file')
    expect(readVariable({ HOST: 'a', HOST_FILE: '' }, 'HOST', text())).toBe('a')
  })

  test('that cannot be read is refused with the path and why', () => {
    const path = join(folder, 'absent')
    expect(errorOf(() => readVariable({ HOST_FILE: path }, 'HOST', text()))).toBe(
      `HOST_FILE: cannot read "${path}" (ENOENT): it takes the path of a readable file`,
    )
  })

  test('that is no regular file is refused', () => {
    for (const path of [folder, '/dev/null']) {
      expect(errorOf(() => readVariable({ HOST_FILE: path }, 'HOST', text()))).toBe(
        `HOST_FILE: cannot read "${path}" (not a regular file): it takes the path of a readable file`,
      )
    }
  })
})

test('an error is one line, even where the value has several', () => {
  const env = { PORT: '1\n2', FLAG: 'a\nb', HOST_FILE: 'a\nb' }
  for (const message of [
    errorOf(() => readVariable(env, 'PORT', integer({ min: 0, max: 9 }))),
    errorOf(() => readVariable(env, 'FLAG', flag())),
    errorOf(() => readVariable(env, 'HOST', text())),
  ]) {
    expect(message).not.toContain('\n')
  }
})

describe('a share', () => {
  test.each([
    ['0', 0],
    ['1', 1],
    ['1.0', 1],
    [' 0.01 ', 0.01],
  ])('%j is %d', (given, value) => {
    expect(readVariable({ SHARE: given }, 'SHARE', share())).toBe(value)
  })

  test.each(['1.01', '2', '-0.1', '1e-2', '.5', '1%', 'NaN'])('%j is refused', (given) => {
    expect(errorOf(() => readVariable({ SHARE: given }, 'SHARE', share()))).toBe(
      `SHARE is ${JSON.stringify(given)}: it takes a number from 0 to 1`,
    )
  })
})

describe('pairs', () => {
  test('are names with values, which may be written in percents', () => {
    expect(readVariable({ PAIRS: 'x-key=a%2Cb, team = calls=1,empty=' }, 'PAIRS', pairs())).toEqual({
      'x-key': 'a,b',
      team: 'calls=1',
      empty: '',
    })
  })

  test.each(['secret', '=secret', 'a=secret%', 'a b=secret'])('%j is refused, and not shown', (given) => {
    const message = errorOf(() => readVariable({ PAIRS: given }, 'PAIRS', pairs()))
    expect(message).toBe('PAIRS has a part that is not readable: it takes name=value, separated by commas')
  })
})
