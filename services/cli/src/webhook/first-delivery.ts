import { setTimeout as delay } from 'node:timers/promises'
import type { DeliveryRow } from '@vss-pipeline/reader'
import { withDatabase } from '../database.ts'
import { readDatabaseSetting } from '../settings.ts'
import { displayValue } from '../text.ts'
import type { RegisterOptions } from '../webhook.ts'

/** The delivery that tells that 8x8 posts here. It holds no phone number. */
export type FirstDelivery = Pick<
  DeliveryRow,
  'deliveryId' | 'receivedAt' | 'outcome' | 'sessionId' | 'reasons'
>

const lookEveryMs = 500

/**
 * Notes the time of the database, before anything is registered.
 *
 * @returns `wait`, which resolves with the first delivery since then, or with null when none has come in time.
 * @throws CommandFailure where the database is away
 */
export async function expectFirstDelivery(
  options: RegisterOptions,
  env: NodeJS.ProcessEnv,
): Promise<{ wait(): Promise<FirstDelivery | null> }> {
  const { subAccount: subAccountId, wait: waitMs = 0 } = options
  const database = readDatabaseSetting(options, env)
  const { readDatabaseTime, readFirstDelivery } = await import('@vss-pipeline/reader')
  const since = await withDatabase(database, readDatabaseTime)

  return {
    async wait() {
      const endsAt = performance.now() + waitMs
      return await withDatabase(database, async (pool) => {
        for (;;) {
          const first = await readFirstDelivery(pool, { subAccountId, since })
          if (first !== null) return toFirstDelivery(first)
          if (performance.now() > endsAt) return null
          await delay(lookEveryMs)
        }
      })
    },
  }
}

function toFirstDelivery({
  deliveryId,
  receivedAt,
  outcome,
  sessionId,
  reasons,
}: DeliveryRow): FirstDelivery {
  return { deliveryId, receivedAt, outcome, sessionId, reasons }
}

/** The delivery in words. */
export function explainDelivery(delivery: FirstDelivery): string {
  const { deliveryId, receivedAt, outcome, sessionId, reasons } = delivery
  const came = `the first event came at ${receivedAt}`
  if (outcome !== 'rejected') return `${came}: ${outcome}\nvss sessions show ${displayValue(sessionId)}`
  const codes = reasons.map(({ code }) => displayValue(code)).join(', ')
  return `${came}, and was rejected: ${codes}\nvss sessions show ${deliveryId}`
}
