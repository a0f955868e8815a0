import type { CallLeg, Session } from '@vss-pipeline/vss'
import type { ClientBase } from 'pg'
import { uuidArray } from './arrays.ts'
import { callLegColumns, columnsFrom, sessionColumns } from './columns.ts'
import type { SessionVersion } from './sessions.ts'
import { givenRows, storedValues, toldValues } from './statements.ts'

/**
 * The content of a session is all that a delivery tells of it, and of its legs. The other columns say which delivery
 * told it, and when and by which release it was written.
 */
const sessionContent = columnsFrom(sessionColumns, 'session')

const { deliveryId } = sessionColumns

const toldSessions = givenRows({ deliveryId, ...sessionContent })

// Postgres compares, because it alone knows how it keeps a value: a real is rounded, a half surrogate is replaced.
// EXCEPT takes two nulls for the same value.
export const selectOtherSessionsStatement = `WITH told AS (
SELECT
${toldValues({ deliveryId, ...sessionContent })}
FROM ${toldSessions.text}
)
SELECT delivery_id
FROM (
TABLE told
EXCEPT
SELECT
  told.delivery_id,
${storedValues(sessionContent)}
FROM told JOIN vss.sessions AS current ON current.session_id = told.session_id
) AS other`

const toldLegs = givenRows({ deliveryId, ...callLegColumns })

export const selectOtherCallLegsStatement = `WITH told AS (
SELECT
${toldValues({ deliveryId, ...callLegColumns })}
FROM ${toldLegs.text}
), stored AS (
SELECT
  version.delivery_id,
${storedValues(callLegColumns)}
FROM unnest($${toldLegs.parameterCount + 1}::uuid[], $${toldLegs.parameterCount + 2}::uuid[]) AS version (delivery_id, session_id)
JOIN vss.call_legs AS current ON current.session_id = version.session_id
)
SELECT delivery_id FROM (TABLE told EXCEPT TABLE stored) AS missing
UNION
SELECT delivery_id FROM (TABLE stored EXCEPT TABLE told) AS surplus`

/**
 * Compares versions with the rows of their sessions and legs, which the caller has locked.
 *
 * @returns the delivery ids of the versions that tell other content than the rows have.
 */
export async function selectOtherContent(
  client: ClientBase,
  versions: readonly SessionVersion[],
): Promise<Set<string>> {
  if (versions.length === 0) return new Set()
  const ids = await selectOtherSessions(client, versions)
  const alike = versions.filter((version) => !ids.has(version.deliveryId))
  return alike.length === 0 ? ids : new Set([...ids, ...(await selectOtherCallLegs(client, alike))])
}

async function selectOtherSessions(
  client: ClientBase,
  versions: readonly SessionVersion[],
): Promise<Set<string>> {
  const values = toldSessions.encode({ version: versions, session: versions.map(({ session }) => session) })
  return await selectDeliveryIds(client, selectOtherSessionsStatement, values)
}

async function selectOtherCallLegs(
  client: ClientBase,
  versions: readonly SessionVersion[],
): Promise<Set<string>> {
  const told: { version: SessionVersion; session: Session; leg: CallLeg }[] = versions.flatMap((version) =>
    version.session.legs.map((leg) => ({ version, session: version.session, leg })),
  )
  return await selectDeliveryIds(client, selectOtherCallLegsStatement, [
    ...toldLegs.encode({
      version: told.map(({ version }) => version),
      session: told.map(({ session }) => session),
      leg: told.map(({ leg }) => leg),
    }),
    uuidArray(versions.map((version) => version.deliveryId)),
    uuidArray(versions.map((version) => version.session.sessionId)),
  ])
}

async function selectDeliveryIds(client: ClientBase, text: string, values: Buffer[]): Promise<Set<string>> {
  const { rows } = await client.query<{ delivery_id: string }>(text, values)
  return new Set(rows.map((row) => row.delivery_id))
}
