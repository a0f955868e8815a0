import { fstatSync, fsyncSync } from 'node:fs'
import { type Change, type Changes, FeedError, follow } from '@vss-pipeline/reader'
import { explainFaults } from '../database.ts'
import { CommandFailure, UsageError } from '../failure.ts'
import { displayServer, readDatabaseSetting, readReplicaSetting } from '../settings.ts'
import type { TailOptions } from '../tail.ts'
import { endsWithinLine } from './file-end.ts'
import { type Format, renderChanges, renderHead } from './render.ts'
import { watchHolder } from './watch-holder.ts'

const stdoutFd = 1

/** Prints changes until it is told to end, or `--max` have come. @throws CommandFailure */
export async function runTail(options: TailOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const { consumer, from, max = Number.POSITIVE_INFINITY } = options
  const replica = readReplicaSetting(options, env)
  // Only a commit needs the primary.
  const database = consumer === undefined ? replica : readDatabaseSetting(options, env)
  const servers = [...new Set([replica, database].map(({ url }) => displayServer(url)))].join(' or ')
  const format: Format = options.format ?? (process.stdout.isTTY ? 'table' : 'jsonl')
  const stop = new AbortController()
  // A second signal ends the process, should its output be stuck.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())

  const holder = watchHolder(database.url, tell)
  let printed = 0
  try {
    // A process that was killed may have left half a line, whose change comes again.
    if (endsWithinLine(stdoutFd)) await print('\n')
    if (format === 'table') await print(renderHead())
    await explainFaults(replica, async () => {
      const following = follow({
        databaseUrl: database.url,
        readDatabaseUrl: replica.url === database.url ? undefined : replica.url,
        consumer,
        from,
        maxRows: Math.min(max, 1_000),
        signal: stop.signal,
        onAway: ({ message }) => tell(`Postgres is away: ${servers}: ${message}: it is tried again`),
        onBack: () => tell('Postgres is back'),
      })
      for await (const changes of following) {
        holder.noteChanges()
        printed += await printSome(changes, { most: max - printed, format, consumer })
        if (printed >= max) break
      }
    })
  } catch (error) {
    // The last commit may have waited for a Postgres that is away. Its changes come again.
    if (stop.signal.aborted) return
    if (error instanceof RangeError) throw new UsageError(error.message, { cause: error })
    if (error instanceof FeedError) {
      const Failure = error.code === '22023' ? UsageError : CommandFailure
      throw new Failure(error.message, { cause: error })
    }
    throw error
  } finally {
    await holder.stop()
  }
}

async function printSome(
  changes: Changes,
  { most, format, consumer }: { most: number; format: Format; consumer: string | undefined },
): Promise<number> {
  const some: readonly Change[] = changes.slice(0, most)
  await print(renderChanges(format, some))
  if (consumer === undefined) return some.length
  // A file must have it also when the machine crashes next.
  if (fstatSync(stdoutFd).isFile()) fsyncSync(stdoutFd)
  await changes.commit(some.at(-1))
  return some.length
}

/** Resolves when the text has left this process: only then it may be committed. */
async function print(text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(text, (error) => {
      // When nobody reads any more, main.ts ends the process.
      if (!error) resolve()
      else if ((error as NodeJS.ErrnoException).code !== 'EPIPE') reject(error)
    })
  })
}

function tell(text: string): void {
  process.stderr.write(`vss: ${text}\n`)
}
