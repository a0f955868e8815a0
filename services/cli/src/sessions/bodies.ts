import type { DeliveryRow } from '@vss-pipeline/reader'
import type { Pool } from '@vss-pipeline/storage'
import { type BodyFields, bodyFields } from '../body/fields.ts'
import { indent, renderParagraph, title } from '../text.ts'

/** A sender decides how many bodies a session has. */
const mostBodies = 20

/** A body, and the deliveries that had these bytes, oldest first: at least one. */
export interface SharedBody {
  deliveries: DeliveryRow[]
  /** Null where there is none: retention let it go, or the batch that it travelled in could not be read. */
  body: Uint8Array | null
}

/** The bodies of a session's deliveries: the latest of them. */
export interface SessionBodies {
  bodies: SharedBody[]
  /** The number of earlier ones, which are left out. */
  earlier: number
}

/** Reads the bodies of deliveries, the same bytes once; null where this role may not read bodies. @throws StorageFault */
export async function readBodiesOf(
  pool: Pool,
  deliveries: readonly DeliveryRow[],
): Promise<SessionBodies | null> {
  const { mayReadBodies, readBodies } = await import('@vss-pipeline/reader')
  if (!(await mayReadBodies(pool))) return null
  // Of the same bytes the latest are kept for longest.
  const latestFirst = deliveries.toReversed()
  const groups = [
    ...Map.groupBy(latestFirst, ({ bodySha256, deliveryId }) => bodySha256 ?? deliveryId).values(),
  ]
  const shown = groups.slice(0, mostBodies).toReversed()
  const bodies = await readBodies(
    pool,
    shown.map(([latest]) => latest!.deliveryId),
  )
  return {
    bodies: shown.map((group) => ({
      deliveries: group.toReversed(),
      body: bodies.get(group[0]!.deliveryId) ?? null,
    })),
    earlier: groups.length - shown.length,
  }
}

/** The bodies for programs; null where the role may not read them. */
export function bodiesForPrograms(
  read: SessionBodies | null,
): (BodyFields & { deliveryIds: string[] })[] | null {
  if (read === null) return null
  return read.bodies.map(({ deliveries, body }) => ({
    deliveryIds: deliveries.map(({ deliveryId }) => deliveryId),
    ...bodyFields(body),
  }))
}

/** The bodies for people, a part each. */
export async function renderBodies(read: SessionBodies | null): Promise<string[]> {
  if (read === null) return [`${title('Bodies')}\n${indent(bodiesTakeAnotherRole)}`]
  const { renderBody } = await import('../body/lines.ts')
  const parts = read.bodies.map(({ deliveries, body }) => {
    const { deliveryId, reasons } = deliveries.at(-1)!
    const others = deliveries.slice(0, -1).map((other) => other.deliveryId)
    return [
      title(`Body of ${deliveryId}`),
      ...(others.length > 0 ? [renderParagraph(`also of ${others.join(', ')}`, { indentColumns: 2 })] : []),
      renderBody(body, reasons),
    ].join('\n')
  })
  const left = read.earlier === 0 ? [] : [`${read.earlier} earlier bodies are not shown`]
  return [...left, ...parts]
}

export const bodiesTakeAnotherRole = 'this role may not read them: vss_support may'
