import { pipelineVersion } from '@vss-pipeline/runtime'
import { Command } from 'commander'
import { addCapacity } from './capacity.ts'
import { addConsumers } from './consumers.ts'
import { addDoctor } from './doctor.ts'
import { addDrift } from './drift.ts'
import { addFeed } from './feed.ts'
import { addIngests } from './ingests.ts'
import { addMigrate } from './migrate.ts'
import { hidePrivate } from './private-arguments.ts'
import { addQueue } from './queue.ts'
import { addRejected } from './rejected.ts'
import { addReprocess } from './reprocess.ts'
import { addRetention } from './retention.ts'
import { addSend } from './send.ts'
import { addSessions } from './sessions.ts'
import { addStatus } from './status.ts'
import { addTail } from './tail.ts'
import { addWebhook } from './webhook.ts'

/**
 * The command `vss` with its subcommands. A subcommand imports its packages when it runs, so that `vss` starts quickly.
 * Settings are rows of packages/runtime/src/settings/table.ts.
 *
 * @param env holds the settings.
 */
export function createProgram(env: NodeJS.ProcessEnv): Command {
  const program = new Command('vss')
    .description(
      'Operates the VSS pipeline: sends events, migrates the database, shows the queue and the rows.',
    )
    .version(pipelineVersion)
    .configureOutput({ outputError: (text, write) => write(`${toErrorLine(text)}\n`) })
    // An option behind a subcommand is the subcommand's, also where its group has one of that name.
    .enablePositionalOptions()
    // It throws instead of ending the process, so that main.ts alone decides about exit codes.
    .exitOverride()
    .addHelpText(
      'after',
      `
Settings come from options, else from DATABASE_URL, REDIS_URL and QUEUE_PREFIX
(each also as NAME_FILE, the path of a file that holds the value), else from the
local stack of \`npm start\`.

Examples:
  vss send --count 1000 --dirty 5%
  vss status
  vss sessions show 1f048a84-ea6d-11ee-911b-078f7290bf52
  vss sessions find --number '+1 202 555 0123'`,
    )
  addSend(program, env)
  addMigrate(program, env)
  addStatus(program, env)
  addDoctor(program, env)
  addSessions(program, env)
  addTail(program, env)
  addConsumers(program, env)
  addFeed(program, env)
  addIngests(program, env)
  addDrift(program, env)
  addQueue(program, env)
  addWebhook(program, env)
  addRejected(program, env)
  addReprocess(program, env)
  addRetention(program, env)
  addCapacity(program)
  return program
}

/** Makes one line of commander's "error: ...", which may have a second line with a suggestion. */
function toErrorLine(text: string): string {
  const message = text
    .trim()
    .replace(/^error: /, '')
    .replace(/\.$/, '')
    .replaceAll('\n', ' ')
  return `vss: ${hidePrivate(message, process.argv.slice(2))} (see --help)`
}
