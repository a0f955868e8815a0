import { expect, test } from 'vitest'
import { loadConfig } from './config.ts'

const servers = { DATABASE_URL: 'postgres://vss@127.0.0.1/vss', REDIS_URL: 'redis://127.0.0.1' }

test('on a loopback address no password is needed, and numbers are masked', () => {
  expect(loadConfig({ ...servers, HOST: '127.0.0.1' })).toMatchObject({
    consolePort: 8090,
    consoleNumbers: 'masked',
    consolePassword: undefined,
  })
})

test.each([['0.0.0.0'], ['::'], ['192.0.2.7'], ['console.example.com']])(
  'on %s a password of eight characters is needed, which no error shows',
  (host) => {
    const env = { ...servers, HOST: host }
    expect(() => loadConfig(env)).toThrow(/^HOST is .* but CONSOLE_PASSWORD is not set: set a password/)
    expect(() => loadConfig({ ...env, CONSOLE_PASSWORD: 'sesam7!' })).toThrow(
      /^CONSOLE_PASSWORD has 7 characters: it takes 8 or more unless HOST is loopback$/,
    )
    expect(loadConfig({ ...env, CONSOLE_PASSWORD: 'sesam78!' }).consolePassword).toBe('sesam78!')
  },
)

test('a wrong way to show numbers stops the start', () => {
  expect(() => loadConfig({ ...servers, CONSOLE_NUMBERS: 'hidden' })).toThrow(
    'CONSOLE_NUMBERS is "hidden": it takes one of masked, on-click, shown',
  )
})
