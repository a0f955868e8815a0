import { PgBoss } from 'pg-boss'

export const queueName = 'events'

/**
 * Starts pg-boss as its README does, and makes its schema and the queue if they are missing:
 * https://github.com/timgit/pg-boss#readme
 *
 * @param connections the most connections to the database; pg-boss' own default is 10
 */
export async function startBoss(databaseUrl: string, connections: number): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString: databaseUrl, max: connections })
  boss.on('error', console.error)
  await boss.start()
  await boss.createQueue(queueName)
  return boss
}
