import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { until } from '@vss-pipeline/local-stack'
import { expect, onTestFinished, test } from 'vitest'
import { cpuBetween, isCpuAccounted, processCpuMs, readCpu } from './cpu.ts'

const nobody = new Set<number>()
const patience = { timeoutMs: 20_000 }

function start(script: string): ChildProcess {
  const child = spawn(process.execPath, ['--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(async () => {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  })
  return child
}

test.runIf(isCpuAccounted)('a program that works has used CPU, one that waits has not', async () => {
  const waiting = start(`console.log('waiting'); setTimeout(() => undefined, 60_000)`)
  await once(waiting.stdout!, 'data')
  const programs = { busy: [start('for (;;);').pid!], waiting: [waiting.pid!] }

  const before = readCpu(programs, nobody)
  await until('Work', () => processCpuMs(programs.busy[0]!) > before.busy! + 200, patience)
  const used = cpuBetween(before, readCpu(programs, nobody))

  expect(used.busy).toBeGreaterThan(200)
  expect(used.waiting).toBeLessThan(100)
})

test.runIf(isCpuAccounted)('children count, even when they have ended, and observers do not', async () => {
  const parent = start(`
    const { spawn, spawnSync } = require('node:child_process')
    spawnSync(process.execPath, ['--eval', 'const end = Date.now() + 1_000; while (Date.now() < end);'])
    console.log(spawn(process.execPath, ['--eval', 'for (;;);']).pid)
  `)
  const [line] = (await once(parent.stdout!, 'data')) as [Buffer]
  const observer = Number(line.toString())
  onTestFinished(() => void process.kill(observer, 'SIGKILL'))
  await until('Work', () => processCpuMs(observer) > 500, patience)

  const own = processCpuMs(parent.pid!)
  const withoutObserver = readCpu({ parent: [parent.pid!] }, new Set([observer])).parent!
  const all = readCpu({ parent: [parent.pid!] }, nobody).parent!

  expect(withoutObserver - own).toBeGreaterThan(100)
  expect(all - withoutObserver).toBeGreaterThanOrEqual(500)
})
