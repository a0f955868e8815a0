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
  /** `87eab2e A comment's first line` */
  title: string
}

/**
 * Unpacks a commit and installs its dependencies, as a fresh clone would have them.
 *
 * @param ref whatever names a commit: a hash, a branch, `HEAD~3`
 * @throws an error that says what git or npm did, where there is no such commit or it does not install
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
      `--against got ${ref}, and takes what names a commit of this repository: a hash, a branch, HEAD~1`,
    )
  }
}

function git(...args: string[]) {
  return run('git', args, { cwd: projectRoot })
}
