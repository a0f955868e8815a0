import { styleText } from 'node:util'
import {
  type DeliveryRow,
  hexRows,
  type MarkedBody,
  type MarkedLine,
  markBody,
  readBodies,
  readDelivery,
} from '@vss-pipeline/reader'
import { displayCount } from '@vss-pipeline/runtime'
import { columnNameOf } from '@vss-pipeline/storage/column-name'
import { withDatabase } from '../database.ts'
import { CommandFailure } from '../failure.ts'
import type { ShowRejectedOptions } from '../rejected.ts'
import { readReplicaSetting } from '../settings.ts'
import { displayJson, displayValue, indent, renderFields, renderParagraph, title } from '../text.ts'
import { bodyFields } from './body-fields.ts'

const deepestIndent = 20
const mostHexBytes = 256

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
    `${title('Body')}\n${body === null ? indent('there is none: its batch could not be read back') : renderBody(markBody(body, delivery.reasons))}`,
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

function renderBody(body: MarkedBody): string {
  if (body.kind === 'bytes') return renderBytes(body)
  const lines = body.lines.map(renderLine)
  return [...lines, ...(body.isCut ? [indent('the rest is not shown: see --json')] : [])].join('\n')
}

function renderLine({ depth, text, note }: MarkedLine): string {
  const code = `${'  '.repeat(Math.min(depth, deepestIndent))}${displayValue(text)}`
  if (note === null) return `  ${code}`
  const marked = styleText('red', `> ${code}`, { stream: process.stdout })
  return `${marked}\n${renderParagraph(`^ ${displayValue(note)}`, { indentColumns: 2 + 2 * Math.min(depth, deepestIndent) })}`
}

function renderBytes({ isDamaged, content }: Extract<MarkedBody, { kind: 'bytes' }>): string {
  const rows = hexRows(content, mostHexBytes)
  const why = isDamaged ? 'it is compressed, and damaged or too large' : 'it is not UTF-8'
  return indent([`${why}: the first of its ${displayCount(content.length)} bytes`, ...rows].join('\n'))
}
