import pg from 'pg'
import type { Locator } from './locator.ts'

type ConnectCallback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  release: (destroy?: Error | boolean) => void,
) => void

/** A client knows the server that it was made for. */
class LocatedClient extends pg.Client {
  readonly server: string | undefined

  constructor(config: pg.ClientConfig) {
    super(config)
    this.server = config.connectionString
  }
}

/** A pool whose new clients connect to the server that a locator has found. When one of them breaks, it looks again. */
export class LocatingPool extends pg.Pool {
  /** All open connections, in use or idle. */
  readonly connections: ReadonlySet<pg.PoolClient>
  readonly #locator: Locator
  #describeServer: () => pg.ClientConfig = () => ({})
  #latest: pg.ClientConfig | undefined

  constructor(locator: Locator, options: pg.PoolConfig) {
    const configOfNext = () => this.#configOfNext()
    super({
      ...options,
      Client: class extends LocatedClient {
        constructor(config?: pg.ClientConfig) {
          super({ ...config, ...configOfNext() })
        }
      },
    })
    this.#locator = locator
    const connections = new Set<pg.PoolClient>()
    this.connections = connections
    this.on('connect', (client) => {
      client.on('error', () => {})
      connections.add(client)
    })
    this.on('remove', (client) => connections.delete(client))
    // A statement that was refused counts as well: a server that has turned read-only refuses some.
    this.on('release', (problem, client) => {
      if (problem) this.#doubt(client)
    })
    // An error event without a listener ends the process. The next use of the connection meets the error.
    this.on('error', (_, client) => this.#doubt(client))
  }

  override connect(): Promise<pg.PoolClient>
  override connect(callback: ConnectCallback): void
  override connect(callback?: ConnectCallback): Promise<pg.PoolClient> | undefined {
    const connected = this.#connect()
    if (callback === undefined) return connected
    connected.then(
      (client) => callback(undefined, client, (problem) => client.release(problem)),
      (error: Error) => callback(error, undefined, () => {}),
    )
    return undefined
  }

  /**
   * Says that the server has been silent for a while, as a machine that is gone. Where another host of the URL fits by
   * now, the connections to the silent one are cut.
   *
   * @throws StorageFault when no host fits
   */
  async leaveSilentServer(): Promise<void> {
    this.#locator.forget()
    this.#describeServer = await this.#locator.locate()
    const { connectionString } = this.#configOfNext()
    for (const client of this.connections) {
      if (serverOf(client) !== connectionString) void client.end()
    }
  }

  /** The last connections to a server of before say nothing about the present one. */
  #doubt(client: pg.PoolClient): void {
    if (serverOf(client) === this.#latest?.connectionString) this.#locator.forget()
  }

  async #connect(): Promise<pg.PoolClient> {
    this.#describeServer = await this.#locator.locate()
    try {
      return await super.connect()
    } catch (error) {
      this.#locator.forget()
      throw error
    }
  }

  /** An error here would end the process. A certificate that cannot be read while it is replaced is that of before. */
  #configOfNext(): pg.ClientConfig {
    try {
      this.#latest = this.#describeServer()
    } catch (error) {
      if (this.#latest === undefined) throw error
    }
    return this.#latest
  }
}

function serverOf(client: pg.PoolClient): string | undefined {
  return (client as pg.Client as LocatedClient).server
}
