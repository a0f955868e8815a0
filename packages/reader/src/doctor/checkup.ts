import type { RedisCheckup } from '@vss-pipeline/queue'
import type { DatabaseCheckup } from '@vss-pipeline/storage'
import type { ServerProblem } from '../findings.ts'
import type { Addresses } from './address-checks.ts'

/** The facts that the doctor looks at. A server that cannot be read has the reason instead. */
export interface Checkup {
  readonly redis: RedisCheckup | Away
  readonly database: DatabaseCheckup | Away
  readonly addresses: Addresses
  /** The command that looks. */
  readonly command: { readonly version: string }
}

export interface Away {
  readonly problem: ServerProblem
  /** One line, without a full stop. */
  readonly awayBecause: string
}

export function isAway(reading: object): reading is Away {
  return 'awayBecause' in reading
}
