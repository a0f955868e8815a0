import { until } from '@vss-pipeline/local-stack'
import type pg from 'pg'
import { connect } from '../../support/databases.ts'

/** Makes every writer of that session wait until the returned connection's transaction ends. */
export async function lockSession(url: string, sessionId: string): Promise<pg.Client> {
  const client = await connect(url)
  await client.query('BEGIN')
  await client.query(
    `INSERT INTO vss.sessions (session_id, sub_account_id, status, started_at, ended_at, answered, anomalies, revision,
       delivery_id, received_at, body_sha256, processed_at, pipeline_version)
     VALUES ($1, '', '', now(), now(), false, '{}', 1, $1, now(), sha256(''), now(), '')`,
    [sessionId],
  )
  return client
}

/** Makes every writer of that delivery wait until the returned connection's transaction ends. */
export async function lockDelivery(
  url: string,
  { deliveryId, receivedAtMs }: { deliveryId: string; receivedAtMs: number },
): Promise<pg.Client> {
  const client = await connect(url)
  await client.query('BEGIN')
  await client.query(
    `INSERT INTO vss.deliveries (delivery_id, received_at, outcome, reasons, processed_at, pipeline_version)
     VALUES ($1, to_timestamp($2::double precision / 1000), 'stored', '[]', now(), '')`,
    [deliveryId, receivedAtMs],
  )
  return client
}

/**
 * Waits until so many connections wait for this one, or for each other behind it.
 *
 * @returns their process ids.
 */
export async function waitingBackends(client: pg.Client, count: number): Promise<number[]> {
  return await until(
    `A wait of ${count} connections`,
    async () => {
      const { rows } = await client.query<{ pid: number }>(
        `WITH RECURSIVE waiting (pid) AS (
           SELECT pg_backend_pid()
           UNION
           SELECT lock.pid FROM pg_locks AS lock JOIN waiting ON waiting.pid = ANY (pg_blocking_pids(lock.pid))
         )
         SELECT pid FROM waiting WHERE pid <> pg_backend_pid()`,
      )
      return rows.length === count ? rows.map((row) => row.pid) : undefined
    },
    { timeoutMs: 10_000 },
  )
}
