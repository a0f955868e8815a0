import { type Redis, SentinelConnector } from 'ioredis'

/**
 * ioredis' connector to a primary that sentinels name, with an ear for the errors of its connections to sentinels. Without
 * one ioredis prints every attempt to reach a sentinel that is away to the console. The connector asks the next sentinel,
 * and an error of the last one is an error of the client.
 */
export class QuietSentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    super(options as ConstructorParameters<typeof SentinelConnector>[0])
    // It is private, and ioredis has no other way to its connections.
    const name = 'connectToSentinel'
    const connect = this[name].bind(this)
    this[name] = (...parameters: unknown[]): Redis => connect(...parameters).on('error', () => undefined)
  }
}
