import type { ClientBase } from 'pg'

/** Why deliveries were rejected. */
export interface RejectReasons {
  /** How many of the deliveries have each reason, the most frequent first. A delivery may have several. */
  counts: { code: string; deliveries: number }[]
  /** How many deliveries were looked at: the latest ones, at most a thousand. */
  deliveries: number
}

/** A bound, because the reasons stand in the ledger's rows. So many take some milliseconds. */
const mostDeliveries = 1_000

/**
 * Counts the reasons of the latest rejected deliveries that were received then or later. An index finds them, however
 * large the ledger is.
 *
 * @throws the error of pg
 */
export async function countRejectReasons(
  client: Pick<ClientBase, 'query'>,
  since: Date,
): Promise<RejectReasons> {
  const { rows } = await client.query<{ code: string | null; deliveries: number; total: number }>(
    `WITH latest AS MATERIALIZED (
       SELECT delivery_id, reasons
       FROM vss.deliveries
       WHERE outcome = 'rejected' AND received_at >= $1
       ORDER BY received_at DESC
       LIMIT ${mostDeliveries}
     )
     SELECT reason ->> 'code' AS code, count(DISTINCT delivery_id)::integer AS deliveries,
       (SELECT count(*)::integer FROM latest) AS total
     FROM latest, jsonb_array_elements(reasons) AS reason
     GROUP BY code
     ORDER BY deliveries DESC, code`,
    [since.toISOString()],
  )
  return {
    counts: rows.map(({ code, deliveries }) => ({ code: code ?? '', deliveries })),
    deliveries: rows[0]?.total ?? 0,
  }
}
