import type { RejudgedEffect } from '@vss-pipeline/storage'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { ended, type Run } from './run.ts'

/** Only a console that finds receipts loads this file, with the checks of typebox. */

const text = Type.String({ maxLength: 1_000 })
const uuid = Type.String({ pattern: '^[\\da-f]{8}(-[\\da-f]{4}){3}-[\\da-f]{12}$' })
const time = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' })
const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const outcome = Type.Enum(['stored', 'duplicate', 'superseded', 'rejected'])
const orNull = <Part extends Type.TSchema>(part: Part) => Type.Union([part, Type.Null()])

const effects = {
  none: true,
  judged: true,
  session_rewritten: true,
  would_reject: true,
  other_session: true,
  session_gone: true,
  no_body: true,
} satisfies Record<RejudgedEffect, true>

const Progress = Type.Object({
  judged: count,
  counts: Type.Array(
    Type.Object({
      from: outcome,
      to: outcome,
      effect: Type.Enum(Object.keys(effects)),
      deliveries: count,
      samples: Type.Array(uuid, { maxItems: 20 }),
    }),
    { maxItems: 100 },
  ),
  doneUntil: orNull(time),
})

const Target = Type.Union([
  Type.Object({ kind: Type.Literal('delivery'), deliveryId: uuid }),
  Type.Object({ kind: Type.Literal('session'), sessionId: uuid }),
  Type.Object({
    kind: Type.Literal('rejected'),
    reason: orNull(Type.Object({ code: text, path: text })),
    span: Type.Enum(['hour', 'day', 'week', 'month']),
    since: time,
    until: time,
  }),
])

const Ending = Type.Union([
  Type.Object({ kind: Type.Enum(['done', 'stopped', 'console_ended']) }),
  Type.Object({
    kind: Type.Literal('failed'),
    problem: Type.Object({ text, remedy: text }),
  }),
])

const judging = { would: Progress, did: Progress, beganAt: time }

const Runs = Type.Array(
  Type.Object({
    id: uuid,
    target: Target,
    by: Type.Object({ address: orNull(text), visit: text }),
    state: Type.Union([
      Type.Object({ name: Type.Literal('judging'), ...judging }),
      Type.Object({ name: Type.Literal('ended'), ...judging, how: Ending, endedAt: orNull(time) }),
    ]),
  }),
  { maxItems: 100 },
)

const validator = Compile(Runs)

/**
 * Reads the receipts that a console has kept. A run that was under way has ended with its console.
 *
 * @returns none where the text is of another release, or damaged
 */
export function readRuns(kept: string): readonly Run[] {
  const runs = parse(kept)
  if (!validator.Check(runs)) return []
  return (runs as readonly Run[]).map((run) => ({
    ...run,
    state: ended(run.state, { kind: 'console_ended' }, null),
  }))
}

function parse(kept: string): unknown {
  try {
    return JSON.parse(kept)
  } catch {
    return undefined
  }
}
