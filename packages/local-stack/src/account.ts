import { execFile } from 'node:child_process'
import { chownSync, statSync } from 'node:fs'
import { promisify } from 'node:util'
import { LocalStackError } from './errors.ts'

const run = promisify(execFile)

/** The account "nobody" of Linux. Its number has to be in the user database: initdb looks its name up. */
const nobody = 65534

/** How to start a program under an account that Postgres accepts. */
export interface Account {
  /** Goes before the program and its arguments. */
  prefix: string[]
  ids: { uid?: number; gid?: number }
}

/**
 * Finds an account to run Postgres under, which refuses to be root, and makes `folder` its own.
 *
 * An ordinary user is that account. Root becomes "nobody" in a user namespace, to which every file of root is
 * its own: that works in folders that only root may enter, such as a clone in root's home. Where user namespaces
 * are forbidden, as in most containers, root becomes the real "nobody", who must be able to enter the folders. A
 * folder that an ordinary user made earlier stays that user's.
 */
export async function findAccount(folder: string, program: string): Promise<Account> {
  if (process.getuid?.() !== 0) return { prefix: [], ids: {} }

  const owner = statSync(folder)
  const namespace = ['unshare', '--user', `--map-user=${nobody}`, `--map-group=${nobody}`]
  if (owner.uid === 0 && (await succeeds([...namespace, program, '--version'], {}))) {
    return { prefix: namespace, ids: {} }
  }

  const ids = owner.uid === 0 ? { uid: nobody, gid: nobody } : { uid: owner.uid, gid: owner.gid }
  chownSync(folder, ids.uid, ids.gid)
  if ((await succeeds([program, '--version'], ids)) && (await succeeds(['test', '-w', folder], ids))) {
    return { prefix: [], ids }
  }
  chownSync(folder, owner.uid, owner.gid)
  throw new LocalStackError(
    `Postgres refuses to run as root, and the user with id ${ids.uid} cannot enter ${folder}. ` +
      'Run this as an ordinary user, move the project to a folder that all may enter, or set DATABASE_URL.',
  )
}

async function succeeds(command: string[], ids: Account['ids']): Promise<boolean> {
  try {
    await run(command[0]!, command.slice(1), ids)
    return true
  } catch {
    return false
  }
}
