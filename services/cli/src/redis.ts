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
    const { hasAnswered } = await import('@vss-pipeline/queue')
    const { message } = error as Error
    const state = hasAnswered(error) ? 'Redis cannot be used' : 'Redis is away'
    throw new CommandFailure(`${state}: ${displayServer(url)} (from ${origin}): ${message}`, {
      cause: error,
    })
  }
}
