import { repeatEvery } from '@vss-pipeline/runtime'
import type { Logger } from '@vss-pipeline/runtime/service'
import { createLastHour, type LastHour } from './last-hour.ts'
import type { IngestMetrics } from './metrics.ts'
import type { RefusalCode } from './refusal.ts'
import { createRefusalLog } from './refusal-log.ts'

/** Counts how requests end: for Prometheus, for `vss status`, and in the log. */
export interface Answers {
  accepted(receivedAtMs: number): void
  /** @param request absent where there was none, because the bytes were no request or came too slowly. */
  refused(code: RefusalCode, request?: RefusedRequest): void
  /** The POSTs of the last hour. */
  readonly lastHour: ReturnType<LastHour['read']>
  /** The receipt of the last delivery that was accepted, in milliseconds since the Unix epoch. */
  readonly lastReceivedAtMs: number | null
  close(): void
}

export interface RefusedRequest {
  method: string | undefined
  /** The sender's address, where it is known. */
  sourceIp: string | null
}

/** Anybody may send bytes that are no request. They do not stand for a delivery that was lost. */
const noRequest: readonly RefusalCode[] = ['bad_request', 'unsupported_http_version']

export function createAnswers(deps: {
  metrics: Pick<IngestMetrics, 'accepted' | 'refused'>
  logger: Logger
}): Answers {
  const { metrics, logger } = deps
  const lastHour = createLastHour()
  const refusalLog = createRefusalLog({ logger })
  let lastReceivedAtMs: number | null = null

  const stop = repeatEvery(1_000, async () => {
    lastHour.turn()
    refusalLog.turn()
  })

  return {
    accepted(receivedAtMs) {
      metrics.accepted()
      lastHour.accepted()
      lastReceivedAtMs = receivedAtMs
    },
    refused(code, request) {
      metrics.refused(code)
      // A health check by GET is no delivery.
      const mayBePost = request === undefined ? !noRequest.includes(code) : request.method === 'POST'
      if (!mayBePost) return
      lastHour.refused(code)
      refusalLog.refused(code, request?.sourceIp)
    },
    get lastHour() {
      return lastHour.read()
    },
    get lastReceivedAtMs() {
      return lastReceivedAtMs
    },
    close() {
      stop()
      refusalLog.close()
    },
  }
}
