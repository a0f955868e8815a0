import type { CallLegRow, DeliveryRow, StoredSession } from '@vss-pipeline/reader'
import type { Pool } from '@vss-pipeline/storage'
import { columnNameOf } from '@vss-pipeline/storage/column-name'
import type { Command } from 'commander'
import { parseUuid } from './arguments.ts'
import { withDatabase } from './database.ts'
import { CommandFailure } from './failure.ts'
import { databaseUrlOption, readDatabaseSetting, type SettingsOptions } from './settings.ts'
import { displayJson, displayValue, indent, renderFields, renderParagraph, title } from './text.ts'

interface ShowOptions extends SettingsOptions {
  json?: true
}

export function addSessions(program: Command, env: NodeJS.ProcessEnv): void {
  const sessions = program.command('sessions').description('Shows stored sessions.')
  sessions
    .command('show')
    .description('Shows one session, its call legs and its deliveries.')
    .argument('<id>', 'the session id, a UUID', parseUuid)
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
The output holds phone numbers.

Examples:
  vss sessions show 1f048a84-ea6d-11ee-911b-078f7290bf52
  vss sessions show --json 1f048a84-ea6d-11ee-911b-078f7290bf52 | jq .session`,
    )
    .action((id: string, options: ShowOptions) => runShow(id, options, env))
}

async function runShow(sessionId: string, options: ShowOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const database = readDatabaseSetting(options, env)
  const { readSession } = await import('@vss-pipeline/reader')
  const stored = await withDatabase(database, async (pool) => {
    const found = await readSession(pool, sessionId)
    if (found === null) throw new CommandFailure(await explainAbsence(pool, sessionId))
    return found
  })
  console.log(options.json ? displayJson(stored) : renderSession(stored))
}

async function explainAbsence(pool: Pool, id: string): Promise<string> {
  const { readDeliveriesOf, readDelivery } = await import('@vss-pipeline/reader')
  const deliveries = await readDeliveriesOf(pool, id)
  if (deliveries.length > 0) return explainDeliveries(id, deliveries)
  // Ingest answers with a delivery's id, which is easily mistaken for the session's.
  const delivery = await readDelivery(pool, id)
  if (delivery !== null) return explainDelivery(delivery)
  return `there is no session ${id}: its delivery has not come yet, waits in the queue (see vss status) or was rejected without a readable id (see the view vss.rejected)`
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

function explainDelivery({ deliveryId, outcome, sessionId, reasons }: DeliveryRow): string {
  const next =
    outcome === 'rejected'
      ? `it was rejected: ${listReasons(reasons)}`
      : `for its session: vss sessions show ${sessionId}`
  return `${deliveryId} is a delivery, not a session; ${next}`
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
