import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { choosePort, createTemporaryFolder } from '@vss-pipeline/local-stack'
import { onTestFinished } from 'vitest'
import { type ListeningProgram, startListening } from './listening-program.ts'

export interface PgBouncer {
  /** The database's URL through PgBouncer. */
  url: string
  /** Cuts every connection, also one in a transaction, and listens on the same port again. */
  restart(): Promise<void>
}

/**
 * Starts a PgBouncer in front of a database. It stops when the test has finished.
 *
 * @param settings further ones of pgbouncer.ini
 */
export async function startPgBouncer(
  databaseUrl: string,
  poolMode: 'transaction' | 'session' | 'statement' = 'transaction',
  settings: Record<string, string | number> = {},
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
server_login_retry = 1
${Object.entries(settings)
  .map(([name, value]) => `${name} = ${value}`)
  .join('\n')}
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
