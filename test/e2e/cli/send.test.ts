import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { webhookPath } from '@vss-pipeline/delivery'
import { choosePort, until } from '@vss-pipeline/local-stack'
import { expect, it, onTestFinished } from 'vitest'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { linesOver80Columns, startVss, vss } from '../../support/vss-command.ts'

it('writes a file of exactly the ids that the ledger then has', async () => {
  const { webhookUrl, pool } = await startRunningPipeline()
  const ids = join(temporaryFolder(), 'ids')
  const args = ['--url', webhookUrl, '--count', '500', '--dirty', '10%', '--seed', 'cli', '--ids', ids]
  const { exitCode, stdout, stderr } = await vss(['send', '--json', ...args])

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  const summary = JSON.parse(stdout)
  expect(summary).toMatchObject({
    url: webhookUrl,
    seed: 'cli',
    planned: 500,
    posted: 500,
    acknowledged: 500,
    answers: [{ status: 200, code: null, count: 500 }],
  })
  const { p50, p90, p99, max } = summary.latencyMs
  expect(p50).toBeGreaterThan(0)
  expect([p50, p90, p99, max]).toEqual([p50, p90, p99, max].sort((a, b) => a - b))
  // Each number is rounded by itself, to three digits.
  expect(summary.ratePerSecond / (500 / summary.seconds)).toBeCloseTo(1, 1)

  const acknowledged = readFileSync(ids, 'utf8').trimEnd().split('\n').sort()
  expect(new Set(acknowledged).size).toBe(500)
  async function ledgerIds(): Promise<string[]> {
    const { rows } = await pool.query('SELECT delivery_id FROM vss.deliveries ORDER BY delivery_id')
    return rows.map((row) => row.delivery_id)
  }
  await until('A row for each', async () => (await ledgerIds()).length >= 500, { timeoutMs: 20_000 })
  expect(await ledgerIds()).toEqual(acknowledged)
  const { rows } = await pool.query('SELECT DISTINCT outcome FROM vss.deliveries')
  expect(rows.map((row) => row.outcome)).toEqual(expect.arrayContaining(['stored', 'rejected']))
})

it('posts files byte for byte, and the same events again under the same seed', async () => {
  const { webhookUrl, pool } = await startRunningPipeline()
  const bodies = [Buffer.from('{"not": "json"\r\n '), Buffer.from([0xff, 0x00, 0xfe]), Buffer.alloc(0)]
  const folder = temporaryFolder()
  const files = bodies.map((body, number) => {
    const path = join(folder, String(number))
    writeFileSync(path, body)
    return path
  })
  const fileArgs = files.flatMap((path) => ['--file', path])
  expect(await vss(['send', '--url', webhookUrl, ...fileArgs])).toMatchObject({ exitCode: 0, stderr: '' })
  async function ledgerBodies(): Promise<string[]> {
    const { rows } = await pool.query<{ body: Buffer }>('SELECT body FROM vss.bodies')
    return rows.map(({ body }) => body.toString('hex')).sort()
  }
  const sent = bodies.map((body) => body.toString('hex')).sort()
  await until('A row for each', async () => (await ledgerBodies()).length >= sent.length, {
    timeoutMs: 20_000,
  })
  expect(await ledgerBodies()).toEqual(sent)

  const again = ['send', '--url', webhookUrl, '--count', '3', '--seed', '7']
  const first = await vss(again)
  expect(first.stdout).toContain('Posted 3 in')
  expect(first.stdout).toContain('seed  7')
  expect(linesOver80Columns(first.stdout)).toEqual([])
  expect(await vss(again)).toMatchObject({ exitCode: 0 })
  await until('A row for each post', async () => (await ledgerBodies()).length === 3 + 6, {
    timeoutMs: 20_000,
  })
  expect(new Set(await ledgerBodies()).size).toBe(3 + 3)
})

it('spreads calls over the past days', async () => {
  const { webhookUrl, pool } = await startRunningPipeline()
  const send = [
    'send',
    '--url',
    webhookUrl,
    '--days',
    '3',
    '--count',
    '400',
    '--dirty',
    '0',
    '--seed',
    'month',
  ]
  expect(await vss(send)).toMatchObject({ exitCode: 0, stderr: '' })
  async function stored() {
    const { rows } = await pool.query<{ sessions: number; deliveries: number; days: number; odd: number }>(
      `SELECT count(*)::integer AS sessions, (SELECT count(*) FROM vss.deliveries)::integer AS deliveries,
         count(DISTINCT date_bin('24 hours', started_at, now()))::integer AS days,
         count(*) FILTER (WHERE anomalies <> '{}' OR ended_at > received_at OR started_at < now() - interval '74 hours')::integer AS odd
       FROM vss.sessions`,
    )
    return rows[0]!
  }
  await until('A row for each', async () => (await stored()).deliveries === 400, { timeoutMs: 20_000 })
  const once = await stored()
  expect(once).toMatchObject({ sessions: 400, odd: 0 })
  // The period ends before now, by up to 80 minutes.
  expect([3, 4]).toContain(once.days)

  // By default some are broken.
  const day = await vss(['send', '--json', '--url', webhookUrl, '--days', '1'])
  expect(JSON.parse(day.stdout)).toMatchObject({ planned: 500, acknowledged: 500 })
  await until('A row for each again', async () => (await stored()).deliveries === 900, { timeoutMs: 20_000 })
  expect((await pool.query(`SELECT FROM vss.rejected`)).rowCount).toBeGreaterThan(0)
})

it('keeps to the rate', async () => {
  const { webhookUrl } = await startRunningPipeline({ workers: 0 })
  const { exitCode, stdout } = await vss([
    'send',
    '--json',
    ...['--url', webhookUrl, '--count', '41', '--rate', '40'],
  ])
  expect(exitCode).toBe(0)
  // The last of 41 posts comes a second after the first.
  expect(JSON.parse(stdout).seconds).toBeGreaterThan(0.99)
})

it('sends the credential in the header of --header, and counts the refusals without it', async () => {
  const secret = 'Custom scheme with spaces'
  const { webhookUrl } = await startRunningPipeline({
    workers: 0,
    env: { WEBHOOK_SECRETS: secret, WEBHOOK_AUTH_HEADER: 'x-vss-key' },
  })
  const send = ['send', '--url', webhookUrl, '--count', '3']

  const refused = await vss([...send, '--secret', secret])
  expect(refused).toMatchObject({ exitCode: 1, stderr: '' })
  expect(refused.stdout).toMatch(/^ {2}401 unauthorized {2}3$/m)
  expect(refused.stdout).toContain('0 acknowledged')

  const given = await vss([...send, '--header', 'X-VSS-Key', '--secret', secret])
  expect(given).toMatchObject({ exitCode: 0, stderr: '' })

  const fromEnvironment = await vss([...send, '--header', 'x-vss-key'], { VSS_SECRET: secret })
  expect(fromEnvironment).toMatchObject({ exitCode: 0, stderr: '' })
  expect(fromEnvironment.stdout).toMatch(/^ {2}200 {2}3$/m)
  expect(fromEnvironment.stdout).not.toContain('\u001b')
})

it('says in one line that nothing answers', async () => {
  const url = `http://127.0.0.1:${await choosePort(0)}${webhookPath}`
  expect(await vss(['send', '--url', url, '--count', '1000000'])).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: `vss: nothing answers at ${url} (ECONNREFUSED): start the pipeline (npm start), or give its address with --url\n`,
  })
})

it('sums up when it is interrupted', async () => {
  const { webhookUrl } = await startRunningPipeline({ workers: 0 })
  const ids = join(temporaryFolder(), 'ids')
  writeFileSync(ids, '')
  const acknowledged = () => readFileSync(ids, 'utf8').split('\n').length - 1
  const args = ['--url', webhookUrl, '--count', '100000', '--rate', '20', '--ids', ids]
  const sending = startVss(['send', '--json', ...args])
  await until('Some acknowledgements', () => acknowledged() > 3, { timeoutMs: 20_000 })
  sending.process.kill('SIGINT')

  const { exitCode, stdout, stderr } = await sending.ended
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' })
  const summary = JSON.parse(stdout)
  expect(summary.planned).toBe(100_000)
  expect(summary.posted).toBeLessThan(100_000)
  expect(summary.acknowledged).toBe(acknowledged())
})

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vss-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}
