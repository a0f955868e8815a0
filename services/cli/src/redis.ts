import { CommandFailure } from './failure.ts'
import { displayServer, type ServerSetting } from './settings.ts'

/** Turns the failure of work on Redis into a line for the operator. @throws CommandFailure */
export async function explainRedis<Result>(
  { url, origin }: ServerSetting,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    const { message } = error as Error
    throw new CommandFailure(`Redis is away: ${displayServer(url)} (from ${origin}): ${message}`, {
      cause: error,
    })
  }
}
