import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ConfigError, createEnvReader } from './env.ts'

const folder = mkdtempSync(join(tmpdir(), 'env-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

function fileWith(content: string): string {
  const path = join(folder, `secret-${Math.random()}`)
  writeFileSync(path, content)
  return path
}

/** What a setting's error says; fails when there is none. */
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
    expect(createEnvReader({ HOST: ' 10.0.0.1 ' }).text('HOST')).toBe('10.0.0.1')
  })

  test('falls back to its default when unset or empty', () => {
    const read = createEnvReader({ EMPTY: '', BLANK: '  ' })
    for (const name of ['UNSET', 'EMPTY', 'BLANK']) expect(read.text(name, { default: 'a' })).toBe('a')
  })

  test('is required without a default', () => {
    expect(errorOf(() => createEnvReader({}).text('HOST'))).toBe('HOST is not set: it takes a text')
    expect(errorOf(() => createEnvReader({ HOST: '' }).text('HOST'))).toBe('HOST is not set: it takes a text')
  })

  test('outside its choices is refused with variable, value and choices', () => {
    const read = createEnvReader({ LOG_LEVEL: 'loud' })
    expect(errorOf(() => read.text('LOG_LEVEL', { default: 'info', choices: ['info', 'warn'] }))).toBe(
      'LOG_LEVEL is "loud": it takes one of info, warn',
    )
  })
})

describe('an integer', () => {
  const range = { default: 7, min: 0, max: 65_535 }

  test.each([
    ['0', 0],
    ['65535', 65_535],
    [' 8080 ', 8080],
  ])('%j is %d', (text, value) => {
    expect(createEnvReader({ PORT: text }).integer('PORT', range)).toBe(value)
  })

  test.each(['-1', '65536', '80.5', '8e3', '0x50', '80 90', 'NaN', 'Infinity', '9'.repeat(30), '١٢'])(
    '%j is refused with variable, value and range',
    (text) => {
      expect(errorOf(() => createEnvReader({ PORT: text }).integer('PORT', range))).toBe(
        `PORT is "${text}": it takes a whole number from 0 to 65535`,
      )
    },
  )

  test('falls back to its default when empty, and is required without one', () => {
    expect(createEnvReader({ PORT: '' }).integer('PORT', range)).toBe(7)
    expect(errorOf(() => createEnvReader({}).integer('PORT', { min: 1, max: 2 }))).toBe(
      'PORT is not set: it takes a whole number from 1 to 2',
    )
  })
})

describe('a flag', () => {
  test.each([
    ['true', true],
    ['FALSE', false],
    ['', true],
  ])('%j is %j', (text, value) => {
    expect(createEnvReader({ FLAG: text }).flag('FLAG', { default: true })).toBe(value)
  })

  test.each(['1', 'yes', 'treu'])('%j is refused', (text) => {
    expect(errorOf(() => createEnvReader({ FLAG: text }).flag('FLAG', { default: false }))).toBe(
      `FLAG is "${text}": it takes true or false`,
    )
  })
})

describe('a URL', () => {
  const options = { protocols: ['redis:', 'rediss:'] }

  test('is read as it stands', () => {
    const url = 'rediss://user:p%40ss@redis.internal:6380/2'
    expect(createEnvReader({ REDIS_URL: url }).url('REDIS_URL', options)).toBe(url)
  })

  test('is required without a default', () => {
    expect(errorOf(() => createEnvReader({}).url('REDIS_URL', options))).toBe(
      'REDIS_URL is not set: it takes a URL that begins with redis:// or rediss://',
    )
    expect(createEnvReader({}).url('REDIS_URL', { ...options, default: 'redis://a' })).toBe('redis://a')
  })

  test.each(['http://user:hunter2@host', '//user:hunter2@host', 'hunter2', 'redis:// hunter2:x'])(
    'that cannot be used is refused without being shown',
    (url) => {
      const message = errorOf(() => createEnvReader({ REDIS_URL: url }).url('REDIS_URL', options))
      expect(message).toMatch(/^REDIS_URL .*: it takes a URL that begins with redis:\/\/ or rediss:\/\/$/)
      expect(message).not.toContain('hunter2')
    },
  )
})

describe('a list', () => {
  test('is split at commas and lines, trimmed, without empty items', () => {
    const read = createEnvReader({ SECRETS: ' Bearer a b ,, c,\n d\r\n' })
    expect(read.list('SECRETS')).toEqual(['Bearer a b', 'c', 'd'])
  })

  test('is empty when unset, empty or nothing but commas', () => {
    const read = createEnvReader({ EMPTY: '', COMMAS: ' , ,' })
    for (const name of ['UNSET', 'EMPTY', 'COMMAS']) expect(read.list(name)).toEqual([])
  })
})

describe('secrets', () => {
  test('are separated by commas in the variable, and by lines alone in its file', () => {
    expect(createEnvReader({ SECRETS: ' Bearer a b, c,,' }).secrets('SECRETS')).toEqual(['Bearer a b', 'c'])
    const read = createEnvReader({ SECRETS_FILE: fileWith('\nBasic a,b \r\n  c\n') })
    expect(read.secrets('SECRETS')).toEqual(['Basic a,b', 'c'])
  })

  test('are none when unset or empty, as compose files leave them', () => {
    const read = createEnvReader({ EMPTY: '', EMPTY_FILE: '' })
    for (const name of ['UNSET', 'EMPTY']) expect(read.secrets(name)).toEqual([])
  })

  test.each([',', ' , ,', ' ', '\n'])('are refused when the variable is %j', (text) => {
    expect(errorOf(() => createEnvReader({ SECRETS: text }).secrets('SECRETS'))).toBe(
      'SECRETS is set but holds no secret: it takes secrets, separated by commas',
    )
  })

  test.each(['', '\n', ' \r\n\n'])('are refused when the file holds %j', (text) => {
    const path = fileWith(text)
    expect(errorOf(() => createEnvReader({ SECRETS_FILE: path }).secrets('SECRETS'))).toBe(
      `SECRETS_FILE: "${path}" holds no secret: it takes a file with one a line`,
    )
  })
})

describe('NAME_FILE', () => {
  test('gives the value that stands in the file, trimmed', () => {
    const read = createEnvReader({ SECRETS_FILE: fileWith('one\ntwo\n'), PORT_FILE: fileWith('81\n') })
    expect(read.list('SECRETS')).toEqual(['one', 'two'])
    expect(read.integer('PORT', { min: 0, max: 100 })).toBe(81)
  })

  test('that names an empty file counts as unset', () => {
    const read = createEnvReader({ HOST_FILE: fileWith(' \n') })
    expect(read.text('HOST', { default: 'a' })).toBe('a')
  })

  test('is refused beside NAME itself, unless one of them is empty', () => {
    const path = fileWith('from file')
    expect(errorOf(() => createEnvReader({ HOST: 'a', HOST_FILE: path }).text('HOST'))).toBe(
      'HOST and HOST_FILE are both set: set one of them',
    )
    expect(createEnvReader({ HOST: '', HOST_FILE: path }).text('HOST')).toBe('from file')
    expect(createEnvReader({ HOST: 'a', HOST_FILE: '' }).text('HOST')).toBe('a')
  })

  test('that cannot be read is refused with the path and why', () => {
    const path = join(folder, 'absent')
    expect(errorOf(() => createEnvReader({ HOST_FILE: path }).text('HOST'))).toBe(
      `HOST_FILE: cannot read "${path}" (ENOENT): it takes the path of a readable file`,
    )
  })

  test('that is no regular file is refused', () => {
    for (const path of [folder, '/dev/null']) {
      expect(errorOf(() => createEnvReader({ HOST_FILE: path }).text('HOST'))).toBe(
        `HOST_FILE: cannot read "${path}" (not a regular file): it takes the path of a readable file`,
      )
    }
  })
})

test('an error is one line, whatever the value holds', () => {
  const read = createEnvReader({ PORT: '1\n2', FLAG: 'a\nb', HOST_FILE: 'a\nb' })
  for (const message of [
    errorOf(() => read.integer('PORT', { min: 0, max: 9 })),
    errorOf(() => read.flag('FLAG', { default: false })),
    errorOf(() => read.text('HOST')),
  ]) {
    expect(message).not.toContain('\n')
  }
})
