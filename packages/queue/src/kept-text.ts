import { createAsk } from './ask.ts'
import type { RedisClient } from './connection.ts'

/** A text in Redis that outlives the program which writes it. */
export interface KeptText {
  /** @returns null where nothing was written. @throws QueueUnavailableError */
  read(): Promise<string | null>
  /** @throws QueueUnavailableError */
  write(text: string): Promise<void>
}

/** Longer texts are cut when they are read: another program wrote them. */
const longestBytes = 256 * 1024

/** Nobody asks for it after this time. */
const lastsMs = 30 * 86_400_000

/** Keeps one text under the prefix, by that name. It sends no command before it is read or written. */
export function keepText(client: RedisClient, options: { prefix: string; name: string }): KeptText {
  const key = `${options.prefix}:${options.name}`
  const ask = createAsk(client)
  return {
    async read() {
      const text = await ask(() => client.getrange(key, 0, longestBytes - 1))
      return text === '' ? null : text
    },
    async write(text) {
      await ask(() => client.set(key, text, 'PX', lastsMs))
    },
  }
}
