import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { bytesPerEvent } from '../../services/cli/src/capacity/bytes.ts'
import type { Demand } from '../../services/cli/src/capacity/demand.ts'
import { cpu, queueBytes, walBytes } from '../../services/cli/src/capacity/figures.ts'
import { planCapacity } from '../../services/cli/src/capacity/model.ts'
import { renderCapacity } from '../../services/cli/src/capacity/render.ts'

const projectRoot = resolve(import.meta.dirname, '..', '..')
const page = readFileSync(join(projectRoot, 'docs', 'scaling.md'), 'utf8')

test('docs/scaling.md has the costs that vss capacity goes by', () => {
  const inDocs = ['ingest', 'Redis', 'worker', 'Postgres'].map((part) => cellsOf(`| ${part} |`))
  const figures = [cpu.ingest, cpu.redis, cpu.worker, cpu.postgres]
  expect(inDocs).toEqual(
    figures.map(({ event, batch, flush, second }) => [
      ...[event, batch, flush].map((micros) => (micros === 0 ? '0' : `${micros.toLocaleString('en-US')} µs`)),
      `${second / 1_000} ms`,
    ]),
  )
  const [ofQueue, ofQueueBatch] = cellsOf("| Redis' file, and its network each way |")
  expect([ofQueue, ofQueueBatch]).toEqual([counted(queueBytes.event), counted(queueBytes.batch)])
  expect(cellsOf("| Postgres' log |")[0]).toMatch(new RegExp(`^${counted(walBytes)}, `))
  const kinds = ['| `vss.bodies`,', '| `vss.deliveries`,', '| `vss.sessions`'].map((row) => cellsOf(row)[0])
  expect(kinds).toEqual(
    (['bodies', 'ledger', 'sessions'] as const).map((kind) => counted(bytesPerEvent(kind))),
  )
})

test('docs/scaling.md has the limits of 10^9 events a day, as vss capacity shows them', () => {
  const demand: Demand = {
    eventsPerDay: 1e9,
    peak: 4,
    retentionDays: { bodies: 30, ledger: 30, sessions: 30 },
    outageSeconds: 3_600,
  }
  const capacity = planCapacity(
    demand,
    {
      redis: { memoryBytes: 32 * 2 ** 30 },
      postgres: {
        cores: 32,
        memoryBytes: 256 * 2 ** 30,
        diskBytes: 16 * 2 ** 40,
        diskOperationsPerSecond: 16_000,
        logBytesPerSecond: 250e6,
      },
    },
    {},
  )
  const shown = [...renderCapacity(capacity, demand).matchAll(/^\w+: .*? {2,}([\d.]+ \w+ a day) +(\d+)$/gm)]
  const inDocs = [...page.matchAll(/^\| .+ \| ([\d.]+ \w+ a day) \| (\d+) \|$/gm)]
  expect(shown).toHaveLength(8)
  expect(inDocs.map(([, ...cells]) => cells)).toEqual(shown.map(([, ...cells]) => cells))
})

/** @returns the cells behind the first one, of the row that begins so. */
function cellsOf(start: string): string[] {
  const row = page.split('\n').find((line) => line.startsWith(start))
  expect(row, start).toBeDefined()
  return row!
    .split('|')
    .slice(2, -1)
    .map((cell) => cell.trim())
}

function counted(bytes: number): string {
  return bytes.toLocaleString('en-US')
}
