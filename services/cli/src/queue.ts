import type { Command } from 'commander'
import { databaseUrlOption, queuePrefixOption, redisUrlOption, type SettingsOptions } from './settings.ts'

export interface QueueOptions extends SettingsOptions {
  json?: true
}

export interface ChangeOptions extends QueueOptions {
  yes?: true
  dryRun?: true
}

export function addQueue(program: Command, env: NodeJS.ProcessEnv): void {
  const queue = program
    .command('queue')
    .description('Shows the queue by shard, pauses it, and retries its failed batches.')
  queue
    .command('list')
    .description('Shows the depth of each shard, and the batches that are in trouble.')
    .option('--json', 'as JSON, for programs')
    .addOption(redisUrlOption())
    .addOption(queuePrefixOption())
    .addHelpText(
      'after',
      `
WAITING, IN HAND, DELAYED and FAILED count batches, DELIVERIES all deliveries
that are not written yet. OLDEST is the age of the oldest of them. A delayed
batch met a fault and comes again by itself. A failed one waits for you.

Examples:
  vss queue list
  vss queue list --json | jq '.shards[].troubled[].reason'`,
    )
    .action(async (options: QueueOptions) => {
      const { runList } = await import('./queue/action.ts')
      await runList(options, env)
    })
  queue
    .command('shards')
    .description('Shows where each shard is, how much it holds, and how many workers read it.')
    .option('--json', 'as JSON, for programs')
    .addOption(redisUrlOption())
    .addOption(queuePrefixOption())
    .addHelpText(
      'after',
      `
These are the shards that an ingest has filled at one time or another. NODE is
the Redis that has the shard. BATCHES wait for a worker, are in hand, or come
again after a fault. WORKERS read the shard. One that does not answer is "away".
It exits 1 where a shard is away, or holds batches that nobody reads.

Examples:
  vss queue shards
  vss queue shards --json | jq -r '.shards[] | [.shard, .node, .list] | @tsv'`,
    )
    .action(async (options: QueueOptions) => {
      const { runShards } = await import('./queue/shards.ts')
      await runShards(options, env)
    })
  addChange(queue, 'pause')
    .description('Stops workers from taking batches. Deliveries go on being acknowledged.')
    .addHelpText(
      'after',
      `
Deliveries wait in Redis until "vss queue resume", and fill it: from 85 % of its
memory on ingest spools, then answers 503. Batches in hand are finished. On a
terminal it asks first, elsewhere it takes --yes.

Examples:
  vss queue pause
  vss queue pause --yes --json`,
    )
    .action(async (options: ChangeOptions) => {
      const { runPause } = await import('./queue/action.ts')
      await runPause(options, env)
    })
  addChange(queue, 'resume')
    .description('Lets workers take batches again.')
    .addHelpText(
      'after',
      `
On a terminal it asks first, elsewhere it takes --yes.

Examples:
  vss queue resume --yes`,
    )
    .action(async (options: ChangeOptions) => {
      const { runResume } = await import('./queue/action.ts')
      await runResume(options, env)
    })
  addChange(queue, 'retry-failed')
    .description('Gives failed batches that this release can read back to the workers.')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
The ledger has the deliveries of a failed batch as rejected, without a body. It
forgets that first, so DATABASE_URL must be that of the schema's owner. Update
the workers before, because one that cannot read the batch sets it aside again.
Batches that this release cannot read stay, and so do jobs of other programs:
then it exits 1. On a terminal it asks first, elsewhere it takes --yes.

Examples:
  vss queue retry-failed --dry-run
  DATABASE_URL_FILE=/run/secrets/owner-database-url vss queue retry-failed --yes`,
    )
    .action(async (options: ChangeOptions) => {
      const { runRetryFailed } = await import('./queue/retry-failed.ts')
      await runRetryFailed(options, env)
    })
}

function addChange(queue: Command, name: string): Command {
  return queue
    .command(name)
    .option('--yes', 'confirms it')
    .option('--dry-run', 'shows what would happen, and changes nothing')
    .option('--json', 'as JSON, for programs')
    .addOption(redisUrlOption())
    .addOption(queuePrefixOption())
}
