import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { projectRoot } from '@vss-pipeline/local-stack'
import { UsageError } from './usage-error.ts'

const run = promisify(execFile)

/** Another commit of this repository, installed in a folder of its own. */
export interface Checkout {
  root: string
  /** Short hash and subject, such as `87eab2e Add a metric`. */
  title: string
}

/**
 * Unpacks a commit and installs its dependencies, as a fresh clone would have them.
 *
 * @param ref the name of a commit: a hash, a branch, `HEAD~3`
 * @throws UsageError when there is no such commit, and any error of git or npm
 */
export async function checkOut(ref: string, folder: string): Promise<Checkout> {
  const commit = await commitOf(ref)
  const { stdout: title } = await git('log', '-1', '--format=%h %s', commit)
  const root = join(folder, commit)
  await mkdir(root, { recursive: true })
  const archive = join(folder, `${commit}.tar`)
  await git('archive', '--output', archive, commit)
  await run('tar', ['--extract', '--file', archive, '--directory', root])
  await run('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: root })
  return { root, title: title.trim() }
}

async function commitOf(ref: string): Promise<string> {
  try {
    const { stdout } = await git('rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`)
    return stdout.trim()
  } catch {
    throw new UsageError(
      `--against got ${ref}, and takes a commit of this repository: a hash, a branch, HEAD~1`,
    )
  }
}

function git(...args: string[]) {
  return run('git', args, { cwd: projectRoot })
}
