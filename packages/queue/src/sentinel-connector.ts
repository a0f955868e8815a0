import { type Redis, SentinelConnector } from 'ioredis'

type Connect = SentinelConnector['connect']
type ErrorEmitter = Parameters<Connect>[0]
type NetStream = Awaited<ReturnType<Connect>>

/**
 * ioredis' connector to a primary that sentinels name, without some of its faults:
 *
 * - It prints failures to reach a sentinel to the console, and says only that the connection is closed. Here its error has
 *   the reason.
 * - It subscribes to the sentinels also where the client has been ended while it connected to the primary. Nobody would
 *   ever close those connections, and they keep the process alive.
 * - A sentinel's word of a new primary, which is to end the connection to the old one, also ends an attempt to connect
 *   that is going on, and with it the client for good. Here nobody listens to it during an attempt.
 */
export class PatientSentinelConnector extends SentinelConnector {
  private reason: Error | undefined

  constructor(options: unknown) {
    super(options as ConstructorParameters<typeof SentinelConnector>[0])
    // They are private, and ioredis has no other way to its connections.
    const [connecting, subscribing] = ['connectToSentinel', 'initFailoverDetector'] as const
    const connect = this[connecting].bind(this)
    this[connecting] = (...parameters: unknown[]): Redis =>
      connect(...parameters).on('error', (error: Error) => {
        this.reason = error
      })
    const subscribe = this[subscribing].bind(this)
    this[subscribing] = async () => {
      if (this.connecting) await subscribe()
    }
  }

  override async connect(emit: ErrorEmitter): Promise<NetStream> {
    const name = 'failoverDetector'
    this[name]?.cleanup()
    this.reason = undefined
    const explain = (error: Error) =>
      this.reason === undefined ? error : new Error(`no sentinel answers: ${this.reason.message}`)
    try {
      return await super.connect((type, error) => emit(type, type === 'error' ? explain(error) : error))
    } catch (error) {
      throw explain(error as Error)
    }
  }
}
