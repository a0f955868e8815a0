import { once } from 'node:events'
import { bodyFields } from '../body/fields.ts'
import { withDatabase } from '../database.ts'
import type { ExportOptions } from '../rejected.ts'
import { readReplicaSetting } from '../settings.ts'
import { displayJsonLine } from '../text.ts'
import { periodOf } from './period.ts'

/** So many bodies are held at a time. */
const pageSize = 200

/** Prints rejected deliveries with their bodies, one a line. @throws CommandFailure */
export async function runExport(options: ExportOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const database = readReplicaSetting(options, env)
  const period = periodOf(options)
  const { findRejected, readBodies } = await import('@vss-pipeline/reader')
  await withDatabase(database, async (pool) => {
    let before: string | undefined
    do {
      const page = await findRejected(pool, {
        ...period,
        ...(options.reason !== undefined && { code: options.reason }),
        ...(options.path !== undefined && { path: options.path }),
        ...(before !== undefined && { before }),
        limit: pageSize,
      })
      const bodies = await readBodies(
        pool,
        page.map(({ deliveryId }) => deliveryId),
      )
      for (const row of page) {
        const body = bodies.get(row.deliveryId) ?? null
        const isTaken = process.stdout.write(`${displayJsonLine({ ...row, ...bodyFields(body) })}\n`)
        if (!isTaken) await once(process.stdout, 'drain')
      }
      before = page.length === pageSize ? page.at(-1)!.deliveryId : undefined
    } while (before !== undefined)
  })
}
