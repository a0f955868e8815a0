import { randomUUID } from 'node:crypto'
import { anomalyCodes } from '@vss-pipeline/vss'
import { expect, it } from 'vitest'
import { callLeg, delivery, session } from '../../support/entries.ts'
import { openAdminPool, openStorage } from '../../support/open-storage.ts'
import { linesOver80Columns, vss } from '../../support/vss-command.ts'

const startedAtMs = Date.parse('2026-03-01T10:00:00.000Z')

it('finds the sessions of a number, the latest first, and the next page', async () => {
  const { url, writer } = await openStorage()
  const sessions = [0, 1, 2].map((minute) => session({ startedAtMs: startedAtMs + minute * 60_000 }))
  await writer.write(sessions.map((one) => delivery(one)))
  const env = { DATABASE_URL: url }
  const [first, second, third] = sessions.map(({ sessionId }) => sessionId)

  const page = await vss(['sessions', 'find', '--number', '(202) 555-0123', '--limit', '2'], env)
  expect(page).toEqual({
    exitCode: 0,
    stderr: '',
    stdout: [
      'started (UTC)        status     caller        callee       talk',
      '2026-03-01 10:02:00  COMPLETED  +12025550123  +6560000002  13 s',
      `  ${third}  test_account`,
      '2026-03-01 10:01:00  COMPLETED  +12025550123  +6560000002  13 s',
      `  ${second}  test_account`,
      '',
      '2 sessions',
      'There are more: raise --limit, or go on with',
      `--before 2026-03-01T10:01:00.000Z_${second}`,
      '',
    ].join('\n'),
  })
  const place = /--before (.*)/.exec(page.stdout)![1]!

  // The number is not an argument, which others on the machine can see.
  const rest = await vss(
    ['sessions', 'find', '--number', '-', '--before', place, '--json'],
    env,
    '+1 202 555 0123\nanother line\n',
  )
  expect(rest).toMatchObject({ exitCode: 0, stderr: '' })
  expect(JSON.parse(rest.stdout)).toMatchObject({
    sessions: [{ sessionId: first, caller: '+12025550123' }],
    next: null,
    since: null,
    until: null,
  })
})

it('finds the session to which all options apply', async () => {
  const { url, writer } = await openStorage()
  const callId = randomUUID()
  const common = {
    startedAtMs,
    clientRequestId: 'order 7',
    subAccountId: 'acme',
    status: 'NO_ANSWER',
    virtualNumber: '+6561112222',
    anomalies: ['no_legs' as const],
    legs: [callLeg('A', { callId })],
  }
  const wanted = session(common)
  const others = [
    { startedAtMs: startedAtMs - 1 },
    { startedAtMs: startedAtMs + 1_000 },
    { clientRequestId: 'order' },
    { subAccountId: 'acme2' },
    { status: 'COMPLETED' },
    { virtualNumber: '+6561112223' },
    { anomalies: [] },
    { legs: [callLeg('A')] },
    { legs: [callLeg('A', { callId, source: '+6581234567' })] },
  ].map((change) => session({ ...common, ...change }))
  await writer.write([wanted, ...others].map((one) => delivery(one)))

  const { stdout } = await vss(
    [
      ...['sessions', 'find', '--json', '--number', '0012025550123', '--virtual-number', '1112222'],
      ...['--call-id', callId, '--request-id', 'order 7', '--sub-account', 'acme', '--status', 'no answer'],
      ...['--anomaly', 'no_legs', '--since', '2026-03-01T18:00+08:00', '--until', '2026-03-01T10:00:01'],
    ],
    { DATABASE_URL: url },
  )

  expect(JSON.parse(stdout)).toMatchObject({
    sessions: [{ sessionId: wanted.sessionId }],
    next: null,
    since: '2026-03-01T10:00:00.000Z',
    until: '2026-03-01T10:00:01.000Z',
  })
})

it('looks at the last day only where nothing else bounds the search, and says so', async () => {
  const { url, writer } = await openStorage()
  const [old, recent] = [session({ startedAtMs }), session({ startedAtMs: Date.now() - 60_000 })]
  await writer.write([old, recent].map((one) => delivery(one)))
  const env = { DATABASE_URL: url }

  const { exitCode, stdout } = await vss(['sessions', 'find', '--status', 'COMPLETED'], env)
  expect(exitCode).toBe(0)
  expect(stdout).toContain(recent.sessionId)
  expect(stdout).not.toContain(old.sessionId)
  expect(stdout).toMatch(/\n1 session since \d{4}-\S+Z; --since looks further back\n$/)
  expect(linesOver80Columns(stdout)).toEqual([])
})

it('exits 1 where nothing is found, and never shows the number that was searched', async () => {
  const { url } = await openStorage()
  const env = { DATABASE_URL: url }
  const find = ['sessions', 'find', '--number']

  const [nothing, today, away, short] = await Promise.all([
    vss([...find, '+1 202 555 0123', '--json'], env),
    vss(['sessions', 'find', '--sub-account', 'acme'], env),
    vss([...find, '+12025550123'], { DATABASE_URL: 'postgres://vss@127.0.0.1:1/vss' }),
    vss([...find, '+12025%'], env),
  ])

  expect(nothing).toMatchObject({
    exitCode: 1,
    stderr:
      'vss: no session is like that: it may still wait in the queue (see vss status), or was rejected (see the view vss.rejected)\n',
  })
  expect(JSON.parse(nothing.stdout)).toEqual({ sessions: [], next: null, since: null, until: null })
  expect(today).toMatchObject({ exitCode: 1, stdout: '' })
  expect(today.stderr).toMatch(/^vss: no session is like that since \S+Z: --since looks further back\n$/)
  expect(away).toMatchObject({ exitCode: 1, stdout: '' })
  expect(away.stderr).toMatch(/^vss: Postgres is away: (?!.*2025).*\n$/)
  expect(short).toEqual({
    exitCode: 2,
    stdout: '',
    stderr:
      'vss: --number is no phone number: it takes one such as +12025550123, ' +
      'its last 4 digits or more, or - to read it from standard input\n',
  })
})

it('says in one line which option it cannot use', async () => {
  const { url } = await openStorage()
  const env = { DATABASE_URL: url }

  const outcomes = await Promise.all([
    vss(['sessions', 'find', '--before', 'yesterday'], env),
    vss(['sessions', 'find', '--anomaly', 'odd'], env),
    vss(['sessions', 'find', '--number', '-', '--virtual-number', '-'], env, '+12025550123\n'),
  ])

  expect(outcomes.map(({ stderr }) => stderr)).toEqual([
    'vss: --before takes the place that a page before has shown\n',
    `vss: --anomaly takes one of ${anomalyCodes.join(', ')}\n`,
    'vss: standard input has one number: give - to --number or to --virtual-number\n',
  ])
})

it('gives up a search that takes too long, and says how to make it shorter', async () => {
  const { url } = await openStorage()
  await openAdminPool(url).query(
    `CREATE OR REPLACE VIEW vss.leg_numbers AS
     SELECT gen_random_uuid() AS session_id, 'A' AS leg, '' AS number, pg_sleep(60)::text AS number_backwards`,
  )

  expect(await vss(['sessions', 'find', '--number', '1234'], { DATABASE_URL: url })).toEqual({
    exitCode: 1,
    stdout: '',
    stderr:
      'vss: the search took longer than 10 s: give --since and --until for a shorter time, or more of the number\n',
  })
})

it('fits 80 columns with the widest values', async () => {
  const { url, writer } = await openStorage()
  const wide = session({
    startedAtMs: Date.now(),
    subAccountId: '訂單'.repeat(100),
    status: 'something that is not documented',
    caller: `sip:${'x'.repeat(200)}@example.com`,
    callee: 'a\u009b2J\u202eb',
    talkSeconds: 123_456_789_012,
  })
  await writer.write([delivery(wide)])

  const { exitCode, stdout } = await vss(['sessions', 'find', '--status', wide.status], { DATABASE_URL: url })

  expect(exitCode).toBe(0)
  expect(linesOver80Columns(stdout)).toEqual([])
  expect(stdout).toContain('a\\u009b2J\\u202eb')
  expect(stdout).toContain(`  ${wide.sessionId}  ${'訂單'.repeat(9)}訂…\n`)
})
