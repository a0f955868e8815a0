import { until } from '@vss-pipeline/local-stack'

/** A producer or a consumer. */
interface Connected {
  client: { status: string }
}

/** Waits until its connection to Redis is there. */
export async function untilConnected({ client }: Connected): Promise<void> {
  await until('A connection to Redis', () => client.status === 'ready', { timeoutMs: 5_000 })
}

/** Waits until it has noticed that its connection to Redis is gone. */
export async function untilConnectionLost({ client }: Connected): Promise<void> {
  await until('The loss of the connection to Redis', () => client.status !== 'ready', { timeoutMs: 5_000 })
}
