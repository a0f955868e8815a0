import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { until } from '@vss-pipeline/local-stack'
import { onTestFinished } from 'vitest'

export interface ListeningProgram {
  /** Ends the program, and resolves when it has ended. A second call does nothing. */
  stop(): Promise<void>
}

/** Starts a program, waits until it listens on a port of 127.0.0.1, and stops it when the test has finished. */
export async function startListening(options: {
  command: readonly string[]
  port: number
  env?: NodeJS.ProcessEnv
}): Promise<ListeningProgram> {
  const { command, port, env } = options
  const [program, ...args] = command
  const child = spawn(program!, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  })
  let said = ''
  child.stderr.on('data', (text) => {
    said = (said + text).slice(-2_000)
  })
  const ended = once(child, 'exit')
  async function stop(): Promise<void> {
    child.kill('SIGTERM')
    await ended
  }
  onTestFinished(stop)
  await until(`The start of ${program}`, () => child.exitCode !== null || isOpen(port), {
    timeoutMs: 20_000,
  })
  if (child.exitCode !== null) throw new Error(`${program} ended before it listened on port ${port}: ${said}`)
  return { stop }
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
