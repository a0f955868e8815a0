import { PgBoss } from 'pg-boss'

export const queueName = 'events'

/**
 * Starts pg-boss as its README does, which makes its schema and the queue where they are missing:
 * https://github.com/timgit/pg-boss#readme
 *
 * @param connections how many to the database at most; pg-boss' own default is 10.
 */
export async function startBoss(databaseUrl: string, connections: number): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString: databaseUrl, max: connections })
  boss.on('error', console.error)
  await boss.start()
  await boss.createQueue(queueName)
  return boss
}
