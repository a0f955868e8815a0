import type { QueueReader } from '@vss-pipeline/queue'
import type { Logger } from '@vss-pipeline/runtime/service'
import type { Pool } from '@vss-pipeline/storage'
import type { NumbersMode } from '../config.ts'
import type { RenderPage } from '../layout.ts'
import type { Runs } from '../reprocess/runs.ts'
import type { Visits } from '../sign-in/visits.ts'

/** The things that pages are made with. */
export interface PageDeps {
  readonly pool: Pool
  readonly queue: QueueReader
  /** Null where the console has no role that may change rows. */
  readonly runs: Runs | null
  readonly visits: Visits
  readonly renderPage: RenderPage
  readonly numbersMode: NumbersMode
  readonly logger: Logger
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number
}
