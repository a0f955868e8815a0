import { readdirSync, readlinkSync, realpathSync } from 'node:fs'

/**
 * The processes of `program` that work in `folder`, whoever started them. A record names one process; this finds
 * those that have none: the children of a Postgres that was killed, a server whose start was cut short.
 *
 * Linux only, where /proc tells; elsewhere none is found, and a leftover has to be stopped by hand.
 */
export function findProcesses(program: string, folder: string): number[] {
  if (process.platform !== 'linux') return []
  const [executable, workingFolder] = [realpathSync(program), realpathSync(folder)]
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0)
    .filter((pid) => linkOf(pid, 'cwd') === workingFolder && linkOf(pid, 'exe') === executable)
}

function linkOf(pid: number, name: 'cwd' | 'exe'): string | undefined {
  try {
    // A program that npm or apt replaced since is shown as deleted.
    return readlinkSync(`/proc/${pid}/${name}`).replace(/ \(deleted\)$/, '')
  } catch {
    return undefined
  }
}
