import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { LocalStackError } from './errors.ts'
import { findOnPath } from './path-search.ts'

const run = promisify(execFile)

/** Whether apt can install packages here: as root, on a system with apt. */
export function canInstallWithApt(): boolean {
  return process.getuid?.() === 0 && findOnPath('apt-get') !== undefined
}

/**
 * Installs Debian's redis-server, of which only the program is wanted. Its system service is stopped and disabled, so
 * that it does not take port 6379 now or after the next boot.
 */
export async function installRedisWithApt(log: (line: string) => void): Promise<void> {
  log('There is no redis-server on the PATH: installing it with apt-get (VSS_NO_APT=1 forbids this) ...')
  const hasSystemd = existsSync('/run/systemd/system')
  // A masked service does not start when its package is installed. With --runtime, a reboot removes the mask.
  if (hasSystemd) await tolerantly('systemctl', 'mask', '--runtime', 'redis-server.service')
  try {
    await aptGet('update')
    await aptGet('install', '--yes', '--no-install-recommends', 'redis-server')
  } finally {
    if (hasSystemd) {
      await tolerantly('systemctl', 'unmask', '--runtime', 'redis-server.service')
      await tolerantly('systemctl', 'disable', 'redis-server.service')
    } else {
      await tolerantly('service', 'redis-server', 'stop')
      await tolerantly('update-rc.d', 'redis-server', 'disable')
    }
  }
}

async function aptGet(...args: string[]): Promise<void> {
  try {
    await run('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=60', ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    })
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string }
    const reason = stderr.split('\n').find((line) => line.startsWith('E: ')) ?? message
    throw new LocalStackError(
      `apt-get ${args[0]} failed (${reason.trim()}). Install redis-server yourself, or set REDIS_URL.`,
    )
  }
}

/** Runs a command and ignores its failure: there may be nothing to change, such as a service that never started. */
async function tolerantly(command: string, ...args: string[]): Promise<void> {
  await run(command, args).catch(() => undefined)
}
