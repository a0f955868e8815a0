import { parseArgs } from 'node:util'
import { UsageError } from './usage-error.ts'

/** The arguments of a run. */
export interface Arguments {
  /** The names of the scenarios to run; empty is all. */
  only: string[]
  quick: boolean
  full: boolean
  /** The commit to compare with. */
  against?: string
  /** The major version of a Postgres of Debian's. By default the Postgres that npm installed. */
  postgres?: string
  json: boolean
  help: boolean
}

export const helpFor = (
  names: readonly string[],
): string => `Measures this pipeline and what could be built instead, side by side, on a
Postgres and a Redis of its own.

npm run bench                    all but scale: about 25 minutes on 2 cores;
                                 writes test/bench/results.md
npm run bench -- --only NAME     one scenario, and again for more; their names
                                 are at the end
npm run bench -- --only scale    more queues, a Redis Cluster, more processes, in
                                 pairs: about 17 minutes; needs redis-cli
npm run bench -- --quick         one short round each: whether it runs, not how
                                 fast
npm run bench -- --full          adds the large growth rounds: a million queued,
                                 ten million stored
npm run bench -- --against REF   this tree and another commit in turns, about
                                 10 minutes: rate and CPU an event of ack, drain
                                 and end to end
npm run bench -- --postgres 15   on a Postgres that Debian installed, instead of
                                 the one of npm
npm run bench -- --json          every sample instead of tables

Scenarios: ${names.join(', ')}
`

/** @throws UsageError */
export function readArguments(names: readonly string[]): Arguments {
  const values = parse()
  const unknown = values.only.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new UsageError(`--only got ${unknown}, and takes ${names.join(', ')}`)
  if (values.against !== undefined && (values.only.length > 0 || values.full)) {
    throw new UsageError(
      '--against measures ack, drain and end to end: it goes with neither --only nor --full',
    )
  }
  return values
}

function parse(): Arguments {
  try {
    return parseArgs({
      options: {
        only: { type: 'string', multiple: true, default: [] },
        quick: { type: 'boolean', default: false },
        full: { type: 'boolean', default: false },
        against: { type: 'string' },
        postgres: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    throw new UsageError(`${(error as Error).message} (see --help)`, { cause: error })
  }
}
