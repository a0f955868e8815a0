import { applyChecks, type Check, type Finding, sortFindings } from '../finding.ts'
import { type Facts, findAll } from '../findings.ts'
import { addressChecks } from './address-checks.ts'
import { type Checkup, isAway } from './checkup.ts'
import { clockChecks } from './clock-checks.ts'
import { databaseChecks } from './database-checks.ts'
import { processChecks } from './process-checks.ts'
import { redisChecks } from './redis-checks.ts'

/** PgBouncer's words. */
const statementPooling = 'statement pooling mode'

const connectionChecks = [
  {
    code: 'pooler_by_statement',
    level: 'error',
    remedy: 'set pool_mode to transaction: docs/deploying.md, "Behind PgBouncer"',
    find: ({ database }) =>
      isPooledByStatement(database)
        ? ['the pooler before Postgres allows no transaction, because it pools by statement']
        : [],
  },
] as const satisfies readonly Check<Checkup>[]

/** Finds all that is wrong with these facts, now or one day: errors first, and nothing about a sound system. */
export function findFaults(checkup: Checkup): Finding[] {
  const { redis, database, addresses, command } = checkup
  const findings = [
    ...findAll(factsOf(checkup)),
    ...applyChecks(connectionChecks, checkup),
    ...applyChecks(addressChecks, addresses),
  ]
  if (!isAway(redis)) {
    const databaseClock = isAway(database) ? undefined : database.clock
    findings.push(
      ...applyChecks(redisChecks, redis),
      ...applyChecks(processChecks, { ...redis, command }),
      ...applyChecks(clockChecks, { redis, databaseClock }),
    )
  }
  if (!isAway(database)) findings.push(...applyChecks(databaseChecks, database))
  return sortFindings(findings)
}

/** The part of the facts that `vss status` judges. */
function factsOf({ redis, database }: Checkup): Facts {
  return {
    ...(isAway(redis) ? { redisProblem: redis.problem } : redis),
    ...(isAway(database) && !isPooledByStatement(database) && { databaseProblem: database.problem }),
  }
}

function isPooledByStatement(database: Checkup['database']): boolean {
  return isAway(database) && database.awayBecause.includes(statementPooling)
}
