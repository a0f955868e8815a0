import { type DeliveryRow, readBodies, readDelivery } from '@vss-pipeline/reader'
import { columnNameOf } from '@vss-pipeline/storage/column-name'
import { bodyFields } from '../body/fields.ts'
import { renderBody } from '../body/lines.ts'
import { withDatabase } from '../database.ts'
import { CommandFailure } from '../failure.ts'
import type { ShowRejectedOptions } from '../rejected.ts'
import { readReplicaSetting } from '../settings.ts'
import { displayJson, displayValue, renderFields, renderParagraph, title } from '../text.ts'

/** Prints a rejected delivery with its body. @throws CommandFailure */
export async function runShowRejected(
  id: string,
  options: ShowRejectedOptions,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const database = readReplicaSetting(options, env)
  const { delivery, body } = await withDatabase(database, async (pool) => ({
    delivery: await readDelivery(pool, id),
    body: (await readBodies(pool, [id])).get(id) ?? null,
  }))
  if (delivery === null) throw new CommandFailure(`there is no delivery ${id}`)
  if (delivery.outcome !== 'rejected') {
    throw new CommandFailure(
      `delivery ${id} was not rejected: it is ${delivery.outcome}; vss sessions show ${id} shows its session`,
    )
  }
  if (options.json) {
    console.log(displayJson({ ...delivery, ...bodyFields(body) }))
    return
  }
  const parts = [
    renderDelivery(delivery),
    `${title('Reasons')}\n${delivery.reasons.map(renderReason).join('\n')}`,
    `${title('Body')}\n${renderBody(body, delivery.reasons)}`,
  ]
  console.log(parts.join('\n\n'))
}

function renderDelivery({
  deliveryId,
  receivedAt,
  sourceIp,
  sessionId,
  pipelineVersion,
}: DeliveryRow): string {
  const shown = { deliveryId, receivedAt, sourceIp, sessionId, pipelineVersion }
  const fields = Object.entries(shown).map(
    ([name, value]) => [columnNameOf(name), displayValue(value)] as const,
  )
  return `${title('Delivery')}\n${renderFields(fields)}`
}

function renderReason({ code, path, message }: DeliveryRow['reasons'][number]): string {
  const place = path === '' ? code : `${code} ${path}`
  return renderParagraph(`${displayValue(place)}: ${displayValue(message)}`, { indentColumns: 2 })
}
