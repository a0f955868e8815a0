import { execFileSync } from 'node:child_process'
import { findOnPath } from '@vss-pipeline/local-stack'

/**
 * Installs missing programs where this runs as root on Debian.
 *
 * @param command is the command of npm that needs them.
 * @param packages has the Debian package of each program.
 * @throws Error elsewhere, with the command to run.
 */
export function installMissingPrograms(command: string, packages: Record<string, string>): void {
  // Debian has servers in /usr/sbin, which is not on an ordinary user's PATH.
  process.env.PATH += ':/usr/sbin'
  const missing = Object.entries(packages).filter(([program]) => findOnPath(program) === undefined)
  if (missing.length === 0) return
  const names = missing.map(([, name]) => name)
  const line = `apt-get install --no-install-recommends ${names.join(' ')}`
  if (process.getuid?.() !== 0 || findOnPath('apt-get') === undefined) {
    throw new Error(`${command} needs ${missing.map(([program]) => program).join(', ')}: run sudo ${line}`)
  }
  console.log(`Installing ${names.join(', ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  execFileSync('apt-get', ['update', '--quiet=2'], { env, stdio: 'inherit' })
  execFileSync('apt-get', ['install', '--yes', '--quiet=2', '--no-install-recommends', ...names], {
    env,
    stdio: 'ignore',
  })
}
