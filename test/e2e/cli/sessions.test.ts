import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@vss-pipeline/local-stack'
import { anomalyCodes } from '@vss-pipeline/vss'
import { expect, it, onTestFinished } from 'vitest'
import { callLeg, delivery, rejectedDelivery, session } from '../../support/entries.ts'
import { openStorage } from '../../support/open-storage.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { linesOver80Columns, vss } from '../../support/vss-command.ts'

const sessionId = '1f048a84-ea6d-11ee-911b-078f7290bf52'
const startedAtMs = Date.parse('2024-03-25T06:01:30.000Z')
const unknownId = '00000000-0000-4000-8000-000000000000'

it('shows a session with its legs and deliveries', async () => {
  const { webhookUrl, databaseUrl, pool } = await startRunningPipeline()
  const folder = mkdtempSync(join(tmpdir(), 'vss-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const example = ['--file', 'test/fixtures/example-completed.json']
  const send = ['send', '--url', webhookUrl, '--concurrency', '1', ...example, ...example]
  expect(await vss([...send, '--file', 'README.md'])).toMatchObject({ exitCode: 0 })
  const countDeliveries = async () => (await pool.query('SELECT FROM vss.deliveries')).rowCount
  await until('Three in the ledger', async () => (await countDeliveries()) === 3, { timeoutMs: 20_000 })
  const env = { DATABASE_URL: databaseUrl }

  const json = await vss(['sessions', 'show', '--json', sessionId.toUpperCase()], env)
  expect(json).toMatchObject({ exitCode: 0, stderr: '' })
  const stored = JSON.parse(json.stdout)
  expect(stored.session).toMatchObject({ sessionId, status: 'COMPLETED', answered: true, talkSeconds: 13 })
  expect(stored.legs.map((leg: { leg: string }) => leg.leg)).toEqual(['A', 'B'])
  expect(stored.deliveries.map((delivery: { outcome: string }) => delivery.outcome).sort()).toEqual([
    'duplicate',
    'stored',
  ])

  // As after `npm start`: no setting is given, and the data folder has the URL of the database.
  writeFileSync(join(folder, 'database-url'), `${databaseUrl}\n`)
  const text = await vss(['sessions', 'show', sessionId], { DATA_DIR: folder })
  expect(text).toMatchObject({ exitCode: 0, stderr: '' })
  expect(text.stdout).toMatch(/^ {2}session_id {9}1f048a84-ea6d-11ee-911b-078f7290bf52$/m)
  expect(text.stdout).toMatch(/^ {2}caller {13}\+12314377870$/m)
  expect(text.stdout).toMatch(/^Leg A\n {2}call_id {14}\S{36}\n {2}direction {12}INBOUND$/m)
  expect(text.stdout).toMatch(/^Leg B\n {2}call_id {14}\S{36}\n {2}direction {12}OUTBOUND$/m)
  expect(text.stdout).toMatch(/^ {2}[\da-f-]{36} {2}\S+Z {2}stored\n {4}from 127\.0\.0\.1$/m)
  expect(linesOver80Columns(text.stdout)).toEqual([])
  expect(text.stdout).not.toContain('\u001b')

  // Ingest answers with the delivery's id, and 8x8 has the legs' ids as well.
  const others = [stored.deliveries[0].deliveryId, stored.legs[1].callId, '+1 231 437 7870']
  for (const shown of await Promise.all(others.map((other) => vss(['sessions', 'show', other], env)))) {
    expect(shown).toEqual(text)
  }
  const { rows } = await pool.query('SELECT delivery_id FROM vss.rejected')
  expect(await vss(['sessions', 'show', rows[0].delivery_id], env)).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: `vss: ${rows[0].delivery_id} is a delivery that was rejected: malformed_json\n`,
  })

  const unknown = await vss(['sessions', 'show', unknownId, '--json'], env)
  expect(unknown).toMatchObject({ exitCode: 1, stdout: '' })
  expect(unknown.stderr).toMatch(new RegExp(`^vss: there is no session ${unknownId}: .+\n$`))
})

it('prints no characters of a sender that control a terminal', async () => {
  const { webhookUrl, databaseUrl, pool } = await startRunningPipeline()
  const event = JSON.parse(readFileSync('test/fixtures/example-completed.json', 'utf8'))
  event.payload.lastAction = 'a\u009b2J\u202eb'
  await fetch(webhookUrl, { method: 'POST', body: JSON.stringify(event) })
  await until('The row', async () => (await pool.query('SELECT FROM vss.sessions')).rowCount === 1, {
    timeoutMs: 20_000,
  })

  const env = { DATABASE_URL: databaseUrl }
  const json = await vss(['sessions', 'show', '--json', sessionId], env)
  expect(JSON.parse(json.stdout).session.lastAction).toBe(event.payload.lastAction)
  const text = await vss(['sessions', 'show', sessionId], env)
  for (const { stdout } of [json, text]) {
    expect(stdout).toContain('a\\u009b2J\\u202eb')
    expect(stdout).not.toMatch(/[\u007f-\u009f\u202e]/)
  }
})

it('fits 80 columns with the widest values', async () => {
  const { url, writer } = await openStorage()
  const now = Date.now()
  const hugeText = 'x'.repeat(20_000)
  const leg = {
    sourceRefId: hugeText,
    callId: randomUUID(),
    errorMessage: 'No coverage available. '.repeat(9),
  }
  const wide = session({
    anomalies: [...anomalyCodes].sort(),
    clientRequestId: hugeText,
    errorMessage: 'No coverage available for the requested area, nor for any other. '.repeat(5),
    legs: ['A', 'B', 'C'].map((letter) => callLeg(letter, leg)),
  })
  const reasons = ['payload.startTime', 'payload.endTime', 'payload.details.callA.initiatedTimestamp'].map(
    (path) => ({ code: 'missing_field' as const, path, message: 'expected a time' }),
  )
  const sourceIp = '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'
  const [superseded, rejected, stored] = [
    delivery(session({ sessionId: wide.sessionId }), { receivedAtMs: now, sourceIp }),
    rejectedDelivery({
      receivedAtMs: now + 1,
      sourceIp,
      verdict: { kind: 'rejected', reasons, sessionId: wide.sessionId },
    }),
    delivery(wide, { receivedAtMs: now + 2, sourceIp: null }),
  ]
  await writer.write([stored])
  await writer.write([superseded, rejected])

  const { stdout } = await vss(['sessions', 'show', wide.sessionId], { DATABASE_URL: url })

  expect(linesOver80Columns(stdout)).toEqual([])
  const inOneLine = stdout.replace(/\n +/g, ' ')
  expect(inOneLine).toContain(`anomalies ${' '.repeat(9)}${wide.anomalies.join(', ')} `)
  expect(inOneLine).toContain(wide.errorMessage!.trim())
  expect(stdout.split('Deliveries')[0]!.match(/^ +… 20,000 characters: see --json$/gm)).toHaveLength(4)
  const at = (ms: number) => new Date(ms).toISOString()
  expect(inOneLine.split('Deliveries')[1]!.split('\nBody of')[0]!.trimEnd()).toBe(
    [
      '',
      `${superseded.deliveryId}  ${at(now)}  superseded from ${sourceIp}`,
      `${rejected.deliveryId}  ${at(now + 1)}  rejected from ${sourceIp}: ${reasons.map(({ code, path }) => `${code} ${path}`).join('; ')}`,
      `${stored.deliveryId}  ${at(now + 2)}  stored from an unknown address`,
    ].join(' '),
  )
})

it('says of a missing session that its deliveries were rejected, and why', async () => {
  const { url, writer } = await openStorage()
  const [once, twice] = [randomUUID(), randomUUID()]
  const reasons = [{ code: 'missing_field' as const, path: 'payload.endTime', message: 'expected a time' }]
  const rejectionOf = (sessionId: string, receivedAtMs: number) =>
    rejectedDelivery({ receivedAtMs, verdict: { kind: 'rejected', reasons, sessionId } })
  const now = Date.now()
  const entries = [rejectionOf(once, now), rejectionOf(twice, now + 1), rejectionOf(twice, now + 2)]
  await writer.write(entries)

  const env = { DATABASE_URL: url }
  expect(await vss(['sessions', 'show', once], env)).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: `vss: there is no session ${once}: its delivery ${entries[0]!.deliveryId} was rejected: missing_field payload.endTime\n`,
  })
  expect(await vss(['sessions', 'show', twice], env)).toMatchObject({
    exitCode: 1,
    stderr: `vss: there is no session ${twice}: its 2 deliveries were rejected, the last (${entries[2]!.deliveryId}): missing_field payload.endTime\n`,
  })
})

it('says of a missing session that it was deleted', async () => {
  const { url, pool, writer } = await openStorage()
  const stored = session()
  await writer.write([delivery(stored)])
  await pool.query('DELETE FROM vss.sessions')

  expect(await vss(['sessions', 'show', stored.sessionId], { DATABASE_URL: url })).toMatchObject({
    exitCode: 1,
    stderr: `vss: there is no session ${stored.sessionId} any more: it was stored, and has been deleted since\n`,
  })
})

it('lists the sessions of a number that has several', async () => {
  const { url, writer } = await openStorage()
  const [early, late] = [0, 60_000].map((after) => session({ startedAtMs: startedAtMs + after }))
  await writer.write([delivery(early!), delivery(late!)])
  const env = { DATABASE_URL: url }

  const text = await vss(['sessions', 'show', '-'], env, '+12025550123\n')
  expect(text).toMatchObject({ exitCode: 0, stderr: '' })
  expect(text.stdout.match(/^ {2}[\da-f-]{36}/gm)).toEqual([`  ${late!.sessionId}`, `  ${early!.sessionId}`])
  expect(text.stdout).toContain('\nSeveral sessions: vss sessions show ID shows one of them\n')
  expect(await vss(['sessions', 'show', '--json', '-'], env, '+12025550123\n')).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'vss: it has several sessions: vss sessions find --json lists them\n',
  })
})

it('refuses a text that is neither an id nor a number without a connection, and does not repeat it', async () => {
  expect(await vss(['sessions', 'show', '123'], { DATABASE_URL: 'postgres://vss@127.0.0.1:1/vss' })).toEqual({
    exitCode: 2,
    stdout: '',
    stderr:
      'vss: the argument, which is no id, is no phone number: it takes one such as +12025550123, ' +
      'its last 4 digits or more, or - to read it from standard input\n',
  })
})
