import { isUuid } from '@vss-pipeline/delivery'
import type {
  CallLegRow,
  DeliveryRow,
  FoundSessions,
  SessionSearch,
  StoredSession,
} from '@vss-pipeline/reader'
import type { Pool } from '@vss-pipeline/storage'
import { columnNameOf } from '@vss-pipeline/storage/column-name'
import type { Command } from 'commander'
import { withDatabase } from './database.ts'
import { CommandFailure } from './failure.ts'
import { addFind } from './find.ts'
import { renderSessionList } from './session-list.ts'
import { bodiesForPrograms, bodiesTakeAnotherRole, readBodiesOf, renderBodies } from './sessions/bodies.ts'
import { databaseUrlOption, readReplicaSetting, type SettingsOptions } from './settings.ts'
import { displayJson, displayValue, indent, renderFields, renderParagraph, title } from './text.ts'
import { readTypedNumber } from './typed-number.ts'

interface ShowOptions extends SettingsOptions {
  json?: true
}

/** The sessions of a number that are listed where it has several. */
const longestList = 20

export function addSessions(program: Command, env: NodeJS.ProcessEnv): void {
  const sessions = program.command('sessions').description('Finds and shows stored sessions.')
  addFind(sessions, env)
  sessions
    .command('show')
    .description('Shows one session, its call legs and its deliveries with their bodies.')
    .argument('<id>', 'of the session, a delivery or a call leg; or a number')
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
Of a number that has several sessions it lists the latest. "vss sessions find"
says how a number is read; - reads it from standard input. The output holds
phone numbers.

Deliveries of the same bytes have one body, and the latest 20 are shown: as
vss_support, because vss_reader may not read bodies.

Examples:
  vss sessions show 1f048a84-ea6d-11ee-911b-078f7290bf52
  vss sessions show --json 1f048a84-ea6d-11ee-911b-078f7290bf52 | jq .session
  vss sessions show --json 1f048a84-ea6d-11ee-911b-078f7290bf52 \\
    | jq -r '.bodies[].bodyText'
  vss sessions show '+1 202 555 0123'`,
    )
    .action((id: string, options: ShowOptions) => runShow(id, options, env))
}

async function runShow(typed: string, options: ShowOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const database = readReplicaSetting(options, env)
  const search = isUuid(typed)
    ? null
    : { number: await readTypedNumber(typed, 'the argument, which is no id,') }
  const { shown, bodies } = await withDatabase(database, async (pool) => {
    const shown = await (search === null ? readById(pool, typed.toLowerCase()) : readOnly(pool, search))
    return { shown, bodies: 'session' in shown ? await readBodiesOf(pool, shown.deliveries) : null }
  })
  if ('session' in shown) {
    console.log(
      options.json
        ? displayJson({ ...shown, bodies: bodiesForPrograms(bodies) })
        : [renderSession(shown), ...(await renderBodies(bodies))].join('\n\n'),
    )
    if (options.json && bodies === null)
      process.stderr.write(`vss: bodies are null: ${bodiesTakeAnotherRole}\n`)
  } else if (options.json) {
    throw new CommandFailure('it has several sessions: vss sessions find --json lists them')
  } else {
    const several = shown.next === null ? 'Several sessions' : `The latest ${longestList} sessions`
    console.log(`${renderSessionList(shown.sessions)}\n\n${several}: vss sessions show ID shows one of them`)
  }
}

/** Ingest answers with a delivery's id, and 8x8's call log has the legs' ids. Both are taken for the session's. */
async function readById(pool: Pool, id: string): Promise<StoredSession | FoundSessions> {
  const { readDelivery, readDeliveriesOf, readSession } = await import('@vss-pipeline/reader')
  const stored = await readSession(pool, id)
  if (stored !== null) return stored
  const deliveries = await readDeliveriesOf(pool, id)
  if (deliveries.length > 0) throw new CommandFailure(explainDeliveries(id, deliveries))
  const delivery = await readDelivery(pool, id)
  if (delivery === null) return await readOnly(pool, { callId: id })
  const { sessionId, outcome, reasons } = delivery
  const delivered = sessionId === null ? null : await readSession(pool, sessionId)
  if (delivered !== null) return delivered
  throw new CommandFailure(
    outcome === 'rejected'
      ? `${id} is a delivery that was rejected: ${listReasons(reasons)}`
      : `${id} is a delivery of session ${sessionId}, which was stored, and has been deleted since`,
  )
}

/** @returns the session that was searched, or the latest of several. @throws CommandFailure where there is none. */
async function readOnly(
  pool: Pool,
  search: Pick<SessionSearch, 'number' | 'callId'>,
): Promise<StoredSession | FoundSessions> {
  const { findSessions, readSession } = await import('@vss-pipeline/reader')
  const found = await findSessions(pool, { ...search, limit: longestList })
  const [first, second] = found.sessions
  if (second !== undefined) return found
  const only = first === undefined ? null : await readSession(pool, first.sessionId)
  if (only !== null) return only
  const what =
    search.callId === undefined
      ? 'no session has this number, and it is no UUID'
      : `there is no session ${search.callId}`
  throw new CommandFailure(
    `${what}: its delivery has not come yet, waits in the queue (see vss status) or was rejected without a readable id (see the view vss.rejected)`,
  )
}

/** Explains a missing session by its deliveries. */
function explainDeliveries(sessionId: string, deliveries: readonly DeliveryRow[]): string {
  if (deliveries.some(({ outcome }) => outcome !== 'rejected')) {
    return `there is no session ${sessionId} any more: it was stored, and has been deleted since`
  }
  const { deliveryId, reasons } = deliveries.at(-1)!
  const rejection =
    deliveries.length === 1
      ? `its delivery ${deliveryId} was rejected`
      : `its ${deliveries.length} deliveries were rejected, the last (${deliveryId})`
  return `there is no session ${sessionId}: ${rejection}: ${listReasons(reasons)}`
}

function renderSession({ session, legs, deliveries }: StoredSession): string {
  const places = session.anomalyDetails?.map(({ code, path }) => `${code} ${path}`) ?? null
  const parts = [
    `${title('Session')}\n${renderFields(Object.entries({ ...session, anomalyDetails: places }).map(toField))}`,
    ...(legs.length === 0 ? [`${title('Legs')}\n${indent('none')}`] : legs.map(renderLeg)),
    `${title('Deliveries')}\n${deliveries.map(renderDelivery).join('\n')}`,
  ]
  return parts.join('\n\n')
}

/** Shows the fields that the leg has, because some legs have few of them. */
function renderLeg({ leg, ...fields }: CallLegRow): string {
  const present = Object.entries(fields).filter(([, value]) => value !== null)
  return `${title(`Leg ${displayValue(leg)}`)}\n${renderFields(present.map(toField))}`
}

function renderDelivery({ deliveryId, receivedAt, outcome, sourceIp, reasons }: DeliveryRow): string {
  const sender = `from ${sourceIp ?? 'an unknown address'}`
  const detail = reasons.length === 0 ? sender : `${sender}: ${listReasons(reasons)}`
  const heading = `${deliveryId}  ${receivedAt}  ${outcome}`
  return `${indent(heading)}\n${renderParagraph(detail, { indentColumns: 4 })}`
}

function toField([name, value]: [name: string, value: unknown]): [label: string, value: string] {
  return [columnNameOf(name), displayValue(value)]
}

function listReasons(reasons: DeliveryRow['reasons']): string {
  return reasons.map(({ code, path }) => displayValue(path === '' ? code : `${code} ${path}`)).join('; ')
}
