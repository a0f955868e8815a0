import { execFile } from 'node:child_process'
import { chownSync, statSync } from 'node:fs'
import { promisify } from 'node:util'
import { LocalStackError } from './errors.ts'

const run = promisify(execFile)

/** The account "nobody" of Linux. initdb looks up its name, so the number must be in the user database. */
const nobody = 65534

/** An account that Postgres accepts, as a way to start a program under it. */
export interface Account {
  /** The words before the program and its arguments. */
  prefix: string[]
  ids: { uid?: number; gid?: number }
}

/**
 * Finds an account to run Postgres under, because Postgres refuses to run as root. Makes the account own `folder`.
 *
 * - An ordinary user keeps its own account.
 * - Root becomes "nobody" in a user namespace, where root's files belong to "nobody". This works in folders that only
 *   root may enter, such as a clone in root's home.
 * - Most containers forbid user namespaces. There root becomes the real "nobody", who must be able to enter the
 *   folders.
 * - A folder that an ordinary user made earlier stays that user's, and Postgres runs as that user.
 *
 * @throws LocalStackError when no account can use the folder
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
