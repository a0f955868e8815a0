import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { choosePort, createTemporaryFolder } from '@vss-pipeline/local-stack'
import { onTestFinished } from 'vitest'
import { type ListeningProgram, startListening } from '../support/listening-program.ts'

export interface PgBouncer {
  /** The database's URL through PgBouncer. */
  url: string
  /** Cuts every connection, also one in a transaction, and listens on the same port again. */
  restart(): Promise<void>
}

/** Starts a PgBouncer in front of a database. It stops when the test has finished. */
export async function startPgBouncer(
  databaseUrl: string,
  poolMode: 'transaction' | 'statement' = 'transaction',
): Promise<PgBouncer> {
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const port = await choosePort(0)
  const file = join(folder.path, 'pgbouncer.ini')
  const server = new URL(databaseUrl)
  writeFileSync(
    file,
    `
[databases]
* = host=${server.hostname} port=${server.port} user=${server.username} password=${server.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${poolMode}
${process.getuid?.() === 0 ? 'user = nobody' : ''}
`,
  )
  const start = (): Promise<ListeningProgram> => startListening({ command: ['pgbouncer', file], port })
  let running = await start()
  const url = new URL(databaseUrl)
  url.host = `127.0.0.1:${port}`
  return {
    url: url.href,
    async restart() {
      await running.stop()
      running = await start()
    },
  }
}
