import { fetchRedisCheckup } from '@vss-pipeline/queue'
import { type Addresses, type Away, type Checkup, findFaults, isAway } from '@vss-pipeline/reader'
import { displayCountOf, pipelineVersion } from '@vss-pipeline/runtime'
import { readAddressCheckup, readDatabaseCheckup } from '@vss-pipeline/storage'
import { explainFaults, withDatabase } from '../database.ts'
import type { DoctorOptions } from '../doctor.ts'
import { CommandFailure } from '../failure.ts'
import { renderFindingLines } from '../finding-lines.ts'
import { openQueues } from '../queue/address.ts'
import { problemOf } from '../server-problem.ts'
import {
  readDatabaseSetting,
  readDirectDatabaseSetting,
  readReplicaSetting,
  type ServerSetting,
} from '../settings.ts'
import { displayJson } from '../text.ts'

/**
 * Prints the findings. As JSON: `findings`, each with `code`, `level`, `text` and `remedy`, and `seen`, the things that
 * were looked at: the versions of Redis and Postgres, null where one is away, and the number of processes.
 *
 * @throws ConfigError
 */
export async function runDoctor(options: DoctorOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const onQueues = await openQueues(options, env)
  const databaseSetting = readDatabaseSetting(options, env)
  const [redis, database, addresses] = await Promise.all([
    orAway(() => onQueues(fetchRedisCheckup)),
    orAway(() => withDatabase(databaseSetting, readDatabaseCheckup)),
    readAddresses(databaseSetting, {
      direct: readDirectDatabaseSetting(options, env),
      replica: readReplicaSetting(options, env),
    }),
  ])
  const command = { version: pipelineVersion }
  const checkup: Checkup = { redis, database, addresses, command }
  const findings = findFaults(checkup)
  if (options.json) console.log(displayJson({ findings, seen: seen(checkup) }))
  else if (findings.length > 0) console.log(renderFindingLines(findings))
  else console.log(`nothing found: ${displaySeen(checkup)}`)
  for (const reading of [redis, database, addresses.direct, addresses.replica]) {
    if (reading !== null && isAway(reading)) process.stderr.write(`vss: ${reading.awayBecause}\n`)
  }
  if ([redis, database].every((reading) => isAway(reading) && reading.problem === 'away'))
    process.exitCode = 2
  else if (findings.length > 0) process.exitCode = 1
}

/** An address that is not set is that of the database. */
async function readAddresses(
  usual: ServerSetting,
  others: { direct: ServerSetting; replica: ServerSetting },
): Promise<Addresses> {
  const read = (setting: ServerSetting) =>
    orAway(() => explainFaults(setting, () => readAddressCheckup(setting.url)))
  const readOther = (setting: ServerSetting) => (setting.url === usual.url ? null : read(setting))
  const [address, direct, replica] = await Promise.all([
    read(usual),
    readOther(others.direct),
    readOther(others.replica),
  ])
  return { usual: address, direct, replica }
}

async function orAway<Reading>(read: () => Promise<Reading>): Promise<Reading | Away> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    return { problem: problemOf(error), awayBecause: error.message }
  }
}

function seen({ redis, database }: Checkup) {
  return {
    redis: isAway(redis) ? null : redis.redis.version,
    postgres: isAway(database) ? null : database.version,
    processes: isAway(redis) ? 0 : redis.processes.running.length,
  }
}

function displaySeen(checkup: Checkup): string {
  const { redis, postgres, processes } = seen(checkup)
  return `Redis ${redis}, Postgres ${postgres} and ${displayCountOf(processes, 'process', 'processes')} are sound`
}
