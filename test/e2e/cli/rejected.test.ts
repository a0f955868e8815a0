import { enrich, validate } from '@vss-pipeline/pipeline'
import { createPool, createWriter } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import { beforeAll, expect, test } from 'vitest'
import { createEmptyDatabase } from '../../support/databases.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { startOwnPostgres } from '../../support/own-postgres.ts'
import { as, createRoles } from '../../support/roles.ts'
import { completedExample } from '../../support/vendor-examples.ts'
import { linesOver80Columns, vss } from '../../support/vss-command.ts'

/** Only this file uses it, because roles belong to a server. */
const postgres = await startOwnPostgres()

const event = completedExample()
const bodies = {
  status: JSON.stringify({
    ...event,
    payload: { ...event.payload, sessionStatus: 5, note: '\u202e\u001b[31m' },
  }),
  sameStatus: JSON.stringify({ ...event, payload: { ...event.payload, sessionStatus: 6 } }),
  broken: '{"payload": {"sessionId": "x", }',
  bytes: Buffer.from([0xff, 0xfe, 0x00, 0x41]),
}
const deliveries = Object.values(bodies).map((body, index) => makeDelivery(body, 40 - index))
const [status, sameStatus, broken, bytes] = deliveries.map(({ deliveryId }) => deliveryId)
const stored = makeDelivery(JSON.stringify(event))
const receiptOf = (index: number) => new Date(deliveries[index]!.receivedAtMs).toISOString()
let reader: { DATABASE_URL: string }
let support: { DATABASE_URL: string }

beforeAll(async () => {
  const { url } = await createEmptyDatabase(postgres.url)
  await createRoles(url)
  await migrate({ databaseUrl: as('vss_migrator', url) })
  const pool = createPool({ databaseUrl: url, maxConnections: 1, applicationName: 'vss-test' })
  await createWriter({ pool, pipelineVersion: '1.2.3' }).write(
    [...deliveries, stored].map((delivery) => enrich(validate(delivery))),
  )
  await pool.end()
  reader = { DATABASE_URL: as('vss_reader', url) }
  support = { DATABASE_URL: as('vss_support', url) }
})

test('groups the rejected by reason and place, the most frequent first, without their bodies', async () => {
  const { exitCode, stdout, stderr } = await vss(['rejected'], reader)

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toMatch(
    new RegExp(
      `^invalid_field\n {2}payload.sessionStatus\n {2}2 deliveries, \\S+Z to \\S+Z\n {2}such as ${sameStatus}\nmalformed_json\n {2}2 deliveries, \\S+Z to \\S+Z\n {2}such as ${bytes}\n$`,
    ),
  )
  const { groups } = JSON.parse((await vss(['rejected', '--json', '--since', receiptOf(3)], reader)).stdout)
  expect(groups).toMatchObject([{ code: 'malformed_json', deliveries: 1, sampleDeliveryId: bytes }])
  const none = await vss(['rejected', '--since', new Date().toISOString().replace(/\.\d+/, '')], reader)
  expect(none).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^no delivery was rejected since \S+\n$/),
  })
})

test('shows a body with the place marked for which it was rejected, and nothing in it moves a terminal', async () => {
  const { exitCode, stdout } = await vss(['rejected', 'show', status!], support)

  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/\n> {5}"sessionStatus": 5,\n {6}\^ expected /)
  expect(stdout.match(/^>/gm)).toHaveLength(1)
  expect(stdout).toContain('"note": "\\u202e\\u001b[31m"')
  expect(linesOver80Columns(stdout)).toEqual([])
})

test('marks the place where a body stops to be JSON, and shows one that is no text by its bytes', async () => {
  const malformed = await vss(['rejected', 'show', broken!], support)
  expect(malformed.stdout).toMatch(/\n> +\}\n +\^ expected JSON/)
  const binary = await vss(['rejected', 'show', bytes!], support)
  expect(binary.stdout).toContain('it is not UTF-8: the first of its 4 bytes\n  0000  ff fe 00 41\n')
  const json = JSON.parse((await vss(['rejected', 'show', bytes!, '--json'], support)).stdout)
  expect(json).toMatchObject({
    deliveryId: bytes,
    outcome: 'rejected',
    bodyText: null,
    bodyBase64: '//4AQQ==',
  })
})

test('says which deliveries it cannot show, and that a role may not read bodies', async () => {
  const notRejected = await vss(['rejected', 'show', stored.deliveryId], support)
  expect(notRejected).toMatchObject({
    exitCode: 1,
    stderr: `vss: delivery ${stored.deliveryId} was not rejected: it is stored; vss sessions show ${stored.deliveryId} shows its session\n`,
  })
  const unknown = makeDelivery().deliveryId
  expect(await vss(['rejected', 'show', unknown], support)).toMatchObject({
    exitCode: 1,
    stderr: `vss: there is no delivery ${unknown}\n`,
  })
  for (const command of [
    ['rejected', 'show', status!],
    ['rejected', 'export'],
  ]) {
    const { exitCode, stdout, stderr } = await vss(command, reader)
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toMatch(/permission denied.*deploy\/postgres\/roles.sql has one that may/)
  }
})

test('exports them with their bodies as JSON lines, all or those of one reason and place', async () => {
  const { stdout } = await vss(['rejected', 'export'], support)

  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(rows.map(({ deliveryId }) => deliveryId)).toEqual([bytes, broken, sameStatus, status])
  expect(rows.map(({ bodyText }) => bodyText)).toEqual([
    null,
    bodies.broken,
    bodies.sameStatus,
    bodies.status,
  ])
  const some = await vss(
    [
      'rejected',
      'export',
      '--reason',
      'invalid_field',
      '--path',
      'payload.sessionStatus',
      '--since',
      '39500s',
    ],
    support,
  )
  expect(some.stdout.trimEnd().split('\n')).toHaveLength(2)
  expect((await vss(['rejected', 'export', '--reason', 'missing_field'], support)).stdout).toBe('')
})
