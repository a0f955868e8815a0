import { randomUUID } from 'node:crypto'
import { enrich, validate } from '@vss-pipeline/pipeline'
import { createWriter } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import { beforeAll, expect, test } from 'vitest'
import { createEmptyDatabase, rowsOf } from '../../support/databases.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { openPool } from '../../support/open-storage.ts'
import { startOwnPostgres } from '../../support/own-postgres.ts'
import { as, createRoles } from '../../support/roles.ts'
import { bodyOf, completedExample, type WireEvent } from '../../support/vendor-examples.ts'
import { linesOver80Columns, vss } from '../../support/vss-command.ts'

/** Only this file uses it, because roles belong to a server. */
const postgres = await startOwnPostgres()

let url: string
const env = (role: 'vss_support' | 'vss_reader') => ({ DATABASE_URL: as(role, url) })

beforeAll(async () => {
  url = (await createEmptyDatabase(postgres.url)).url
  await createRoles(url)
  await migrate({ databaseUrl: as('vss_migrator', url) })
})

test('vss_support sees each body once, with its deliveries, and the place marked of one that was rejected', async () => {
  const event = eventOf()
  const rejectedBody = bodyOf({ ...event, payload: { ...event.payload, sessionStatus: 5 } })
  const ids = await store([bodyOf(event), rejectedBody, bodyOf(event)])
  const { sessionId } = event.payload

  const { exitCode, stdout, stderr } = await vss(['sessions', 'show', sessionId], env('vss_support'))

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  const [, , rejected, repeated] = stdout.split(/\n\n(?=Deliveries|Body of )/)
  expect(repeated).toMatch(
    new RegExp(`^Body of ${ids[2]}\n {2}also of ${ids[0]}\n {2}\\{\n[^]* {6}"source": "\\+12314377870",\n`),
  )
  expect(rejected).toMatch(
    new RegExp(`^Body of ${ids[1]}\n {2}\\{\n[^]*\n> {5}"sessionStatus": 5,\n {6}\\^ exp`),
  )
  expect(linesOver80Columns(stdout)).toEqual([])

  const json = await vss(['sessions', 'show', sessionId, '--json'], env('vss_support'))
  expect(JSON.parse(json.stdout).bodies).toEqual([
    { deliveryIds: [ids[1]], bodyText: textOf(rejectedBody), bodyBase64: null },
    { deliveryIds: [ids[0], ids[2]], bodyText: textOf(bodyOf(event)), bodyBase64: null },
  ])
})

test('vss_reader sees all but the bodies, and is told which role may see them', async () => {
  const event = eventOf()
  await store([bodyOf(event)])
  const show = ['sessions', 'show', event.payload.sessionId]

  const text = await vss(show, env('vss_reader'))
  expect(text).toMatchObject({ exitCode: 0, stderr: '' })
  expect(text.stdout).toMatch(/\n\nBodies\n {2}this role may not read them: vss_support may\n$/)

  const json = await vss([...show, '--json'], env('vss_reader'))
  expect(json).toMatchObject({
    exitCode: 0,
    stderr: 'vss: bodies are null: this role may not read them: vss_support may\n',
  })
  expect(JSON.parse(json.stdout)).toMatchObject({ deliveries: [{ outcome: 'stored' }], bodies: null })
})

test('nothing in a body moves a terminal, and a long value of it is cut', async () => {
  const event = eventOf()
  Object.assign(event.payload, { note: '\u202e\u009b31m', long: 'x'.repeat(5_000) })
  await store([bodyOf(event)])

  const { stdout } = await vss(['sessions', 'show', event.payload.sessionId], env('vss_support'))

  expect(stdout).toContain('"note": "\\u202e\\u009b31m"')
  expect(stdout).toMatch(/ … 5,0\d\d characters: see --json\n/)
  expect(stdout).not.toMatch(/[\u007f-\u009f\u202e]/)
  expect(linesOver80Columns(stdout)).toEqual([])
})

test('of many bodies the latest 20 are shown, and a body that has gone is named as such', async () => {
  const event = eventOf()
  const bodies = Array.from({ length: 22 }, (_, version) =>
    bodyOf({ ...event, payload: { ...event.payload, clientRequestId: `version ${version}` } }),
  )
  const ids = await store(bodies)
  await rowsOf(url, `DELETE FROM vss.bodies WHERE delivery_id = '${ids[21]}'`)

  const { stdout } = await vss(['sessions', 'show', event.payload.sessionId], env('vss_support'))

  const shown = [...stdout.matchAll(/^Body of (\S+)$/gm)].map(([, id]) => id)
  expect(shown).toEqual(ids.slice(2))
  expect(stdout).toContain('\n\n2 earlier bodies are not shown\n\n')
  expect(stdout).toMatch(
    new RegExp(
      `Body of ${ids[21]}\n {2}there is none: retention let it go, or its batch could not be read\n$`,
    ),
  )
})

function eventOf(): WireEvent & { payload: { sessionId: string } } {
  const event = completedExample()
  return { ...event, payload: { ...event.payload, sessionId: randomUUID() } }
}

function textOf(body: Uint8Array): string {
  return Buffer.from(body).toString()
}

/** @returns the ids of their deliveries, in that order of receipt. */
async function store(bodies: readonly Uint8Array[]): Promise<string[]> {
  const deliveries = bodies.map((body, index) => makeDelivery(body, bodies.length - index))
  const writer = createWriter({ pool: openPool(url), pipelineVersion: '1.2.3' })
  await writer.write(deliveries.map((delivery) => enrich(validate(delivery))))
  return deliveries.map(({ deliveryId }) => deliveryId)
}
