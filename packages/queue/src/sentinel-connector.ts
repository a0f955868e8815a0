import { type Redis, SentinelConnector } from 'ioredis'

/**
 * ioredis' connector to a primary that sentinels name, without two of its faults.
 *
 * It prints every failure to reach a sentinel to the console. And a sentinel's word of a new primary, meant to end the
 * connection to the old one, also ends an attempt to connect that is going on, and with it the client for good: until the
 * next connection is there, nobody listens for that word.
 */
export class PatientSentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    super(options as ConstructorParameters<typeof SentinelConnector>[0])
    // It is private, and ioredis has no other way to its connections.
    const name = 'connectToSentinel'
    const connect = this[name].bind(this)
    this[name] = (...parameters: unknown[]): Redis => connect(...parameters).on('error', () => undefined)
  }

  override connect(...parameters: Parameters<SentinelConnector['connect']>) {
    const name = 'failoverDetector'
    this[name]?.cleanup()
    return super.connect(...parameters)
  }
}
