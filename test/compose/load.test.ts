import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import type { Pool } from '@vss-pipeline/storage'
import { expect, onTestFinished, test } from 'vitest'
import { countLedger, expectAccountedFor } from '../support/accounting.ts'
import { postUntilAcknowledged } from '../support/load.ts'
import { docker } from './command.ts'
import { createStack } from './stack.ts'

test('four workers share 50,000 events', async () => {
  const stack = await createStack()
  await stack.up(['--scale', 'worker=4'])
  const pool = await stack.openPool()
  const events = generateEvents({ seed: 'four workers', count: 50_000, dirtyShare: 0.05 })

  const load = await postUntilAcknowledged(stack.webhookUrl, events, { connections: 64 })

  await expectAccountedFor(pool, load.acknowledged, { withinMs: 60_000 })
  const workers = await stack.containers('worker')
  const shares = await Promise.all(workers.map(({ id }) => countSettled(id)))
  expect(shares).toHaveLength(4)
  expect(sum(shares)).toBe(50_000)
  expect(Math.min(...shares), `shares ${shares}`).toBeGreaterThan(5_000)
})

test('a worker is killed with SIGKILL: nothing is lost, and others do its work within 30 s', async () => {
  const stack = await createStack()
  await stack.up(['--scale', 'worker=4'])
  const pool = await stack.openPool()
  const release = await blockLedgerInserts(pool)
  const events = generateEvents({ seed: 'killed container', count: 5_000, dirtyShare: 0.05 })
  const load = await postUntilAcknowledged(stack.webhookUrl, events, { connections: 64 })
  const address = await until('A worker in the middle of a flush', () => findBlocked(pool), {
    timeoutMs: 20_000,
  })

  const victim = (await stack.containers('worker')).find((worker) => worker.addresses.includes(address))
  await docker(['kill', '--signal', 'KILL', victim!.id])
  await release()

  await expectAccountedFor(pool, load.acknowledged, { withinMs: 30_000 })
})

test('the stack is taken down and up again under load: every acknowledged id is in the ledger', async () => {
  const stack = await createStack()
  await stack.up(['--scale', 'worker=2'])
  const before = await stack.openPool()
  const events = generateEvents({ seed: 'down and up', count: 40_000, dirtyShare: 0.05 })
  const posting = postUntilAcknowledged(stack.webhookUrl, events, { connections: 32 })
  await until('Progress of the load', async () => (await countLedger(before)) >= 5_000, { timeoutMs: 30_000 })

  const down = await stack.compose(['down'])
  expect(down.code, down.output).toBe(0)
  await stack.up(['--scale', 'worker=2'])

  const load = await posting
  expect(load.answers.get('200')).toBe(40_000)
  expect(
    load.answers.size,
    'kinds of answers, more than one because the load was interrupted',
  ).toBeGreaterThan(1)
  await expectAccountedFor(await stack.openPool(), load.acknowledged, { withinMs: 60_000 })
})

/** The number of deliveries that this worker has put into the ledger, from its own metrics. */
async function countSettled(containerId: string): Promise<number> {
  const script = `fetch('http://127.0.0.1:9465/metrics').then((r) => r.text()).then(console.log)`
  const metrics = await docker(['exec', containerId, 'node', '-e', script])
  return sum([...metrics.matchAll(/^vss_outcomes_total\{.*\} (\d+)$/gm)].map(([, count]) => Number(count)))
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/**
 * Makes every flush wait inside its transaction: it writes its sessions and legs, then waits for a lock on the ledger.
 *
 * @returns a function that lets the flushes go on.
 */
async function blockLedgerInserts(pool: Pool): Promise<() => Promise<void>> {
  const client = await pool.connect()
  let released = false
  async function release(): Promise<void> {
    if (released) return
    released = true
    await client.query('COMMIT')
    client.release()
  }
  onTestFinished(release)
  await client.query('BEGIN')
  await client.query('LOCK TABLE vss.deliveries IN SHARE MODE')
  return release
}

/** The address of a worker that waits for the ledger; undefined while none does. */
async function findBlocked(pool: Pool): Promise<string | undefined> {
  const { rows } = await pool.query<{ address: string }>(
    `SELECT host(client_addr) AS address FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE NOT granted AND relation = 'vss.deliveries'::regclass LIMIT 1`,
  )
  return rows[0]?.address
}
