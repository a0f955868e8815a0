import type { AsyncLocalStorage } from 'node:async_hooks'
import type { Channel } from 'node:diagnostics_channel'

/** The channels that this process' recording listens to. */
export interface Subscriptions {
  listen<Message>(channel: Channel<unknown, Message>, listener: (message: Message) => void): void
  /** While an operation runs whose start is published, `store` has the value that `begin` gives. */
  bind<Message>(
    channel: Channel<unknown, Message>,
    store: AsyncLocalStorage<unknown>,
    begin: (message: Message) => unknown,
  ): void
  /** Ends all of them. */
  end(): void
}

/** @param options.onDefect gets the error of a listener. By itself such an error would end the process. */
export function createSubscriptions(options: { onDefect: (error: unknown) => void }): Subscriptions {
  const { onDefect } = options
  const endings: (() => void)[] = []

  function guarded<Message, Result>(listener: (message: Message) => Result) {
    return function onMessage(message: unknown): Result | undefined {
      try {
        return listener(message as Message)
      } catch (error) {
        onDefect(error)
        return undefined
      }
    }
  }

  return {
    listen(channel, listener) {
      const onMessage = guarded(listener)
      channel.subscribe(onMessage)
      endings.push(() => channel.unsubscribe(onMessage))
    },
    bind(channel, store, begin) {
      channel.bindStore(store, guarded(begin))
      endings.push(() => channel.unbindStore(store))
    },
    end() {
      for (const end of endings.splice(0)) end()
    },
  }
}
