import { readdirSync, readlinkSync, realpathSync } from 'node:fs'

/**
 * Finds the processes of `program` whose working folder is `folder`. It finds those that have no record, such as the
 * children of a Postgres that was killed, or a server whose start was cut short.
 *
 * It needs the /proc of Linux. Elsewhere it finds none, and the user must stop leftovers by hand.
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
    // The link shows a program as deleted when npm or apt has replaced it since.
    return readlinkSync(`/proc/${pid}/${name}`).replace(/ \(deleted\)$/, '')
  } catch {
    return undefined
  }
}
