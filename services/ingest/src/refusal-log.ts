import type { Logger } from '@vss-pipeline/runtime/service'
import type { RefusalCode } from './refusal.ts'

/** A reason is logged at once, and then at most once in this time. */
const windowMs = 60_000

/** A bound: a flood may come from any number of addresses. */
const mostAddresses = 1_000

/** Logs that POSTs were refused, so that more than a counter in memory tells of them. */
export interface RefusalLog {
  /** @param sourceIp where it is known. It is counted, and not logged. */
  refused(code: RefusalCode, sourceIp?: string | null): void
  /** Logs the reasons whose minute is over. It is to be called each second. */
  turn(): void
  /** Logs all that was not logged yet. */
  close(): void
}

/** The refusals for one reason since its last line. */
interface Window {
  sinceMs: number
  count: number
  addresses: Set<string>
}

export function createRefusalLog(options: { logger: Pick<Logger, 'warn'>; now?: () => number }): RefusalLog {
  const { logger, now = () => performance.now() } = options
  const windows = new Map<RefusalCode, Window>()

  function open(code: RefusalCode): Window {
    const window = { sinceMs: now(), count: 0, addresses: new Set<string>() }
    windows.set(code, window)
    return window
  }

  function tell(code: RefusalCode, { count, addresses }: Window, span: string): void {
    const posts = count === 1 ? '1 POST' : `${count} POSTs`
    logger.warn(
      { reason: code, refused: count, addresses: addresses.size },
      `${posts} refused${span}: ${code}${describeAddresses(addresses.size)}`,
    )
  }

  function tellWindow(code: RefusalCode, window: Window): void {
    tell(code, window, ` in ${Math.round((now() - window.sinceMs) / 1000)} s`)
  }

  return {
    refused(code, sourceIp) {
      const known = windows.get(code)
      const window = known ?? open(code)
      window.count++
      if (sourceIp && window.addresses.size < mostAddresses) window.addresses.add(sourceIp)
      if (known !== undefined) return
      tell(code, window, '')
      open(code)
    },
    turn() {
      for (const [code, window] of windows) {
        if (now() - window.sinceMs < windowMs) continue
        windows.delete(code)
        if (window.count === 0) continue
        tellWindow(code, window)
        open(code)
      }
    },
    close() {
      for (const [code, window] of windows) if (window.count > 0) tellWindow(code, window)
      windows.clear()
    },
  }
}

function describeAddresses(addresses: number): string {
  if (addresses === 0) return ''
  if (addresses >= mostAddresses) return `, from ${mostAddresses} addresses or more`
  return `, from ${addresses} ${addresses === 1 ? 'address' : 'addresses'}`
}
