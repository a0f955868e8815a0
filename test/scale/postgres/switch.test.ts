import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import { expect, test } from 'vitest'
import { countLedger, expectAccountedFor } from '../../support/accounting.ts'
import { expectEveryPostAcknowledged } from '../../support/faulty-pipeline.ts'
import { postUntilAcknowledged } from '../../support/load.ts'
import { openAdminPool } from '../../support/open-storage.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { hostsUrl, startPrimaryWithStandbys } from '../../support/standby.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

test.each([
  { how: 'is killed', silently: false, withinMs: 5_000 },
  // Workers look for another host when it has said nothing for a second or two.
  { how: 'falls silent, as a machine that is gone', silently: true, withinMs: 10_000 },
])(
  'under load the primary $how: rows flow again within $withinMs ms, and nothing acknowledged is lost',
  async ({ how, silently, withinMs }) => {
    const primary = await startPrimaryWithStandbys(1)
    const standby = primary.standbys[0]!
    await primary.replicateSynchronously()
    const network = await openTcpProxy(primary.url)
    const databaseUrl = hostsUrl([network.url, standby.url], 'read-write')
    const pipeline = await startRunningPipeline({ databaseUrl, workers: 2 })
    const end = new AbortController()
    const events = generateEvents({ seed: 'switch', count: 1_000_000, dirtyShare: 0.05 })
    const load = postUntilAcknowledged(pipeline.webhookUrl, events, { connections: 8, signal: end.signal })
    await until('The first rows', async () => (await countLedger(pipeline.pool)) >= 2_000, {
      timeoutMs: 30_000,
    })

    const endedAtMs = performance.now()
    if (silently) network.swallow()
    else await primary.kill()
    standby.isolate()
    await standby.promote()
    const after = openAdminPool(standby.url)
    const { rows } = await after.query<{ now: Date }>('SELECT now()')
    const newRows = 'SELECT FROM vss.deliveries WHERE processed_at >= $1 LIMIT 1'
    const hasNewRows = async () => (await after.query(newRows, [rows[0]!.now])).rowCount === 1
    await until('A row on the new primary', hasNewRows, { timeoutMs: 60_000 })
    const switchMs = Math.round(performance.now() - endedAtMs)
    const before = await countLedger(after)
    await until('More rows', async () => (await countLedger(after)) >= before + 2_000, { timeoutMs: 30_000 })
    end.abort()

    const { acknowledged, answers } = await load
    await expectAccountedFor(after, acknowledged, { withinMs: 60_000 })
    console.log(
      `the primary ${how}: ${acknowledged.length} acknowledged, 0 lost, rows again after ${switchMs} ms`,
    )
    expectEveryPostAcknowledged({ answers })
    expect(switchMs, 'milliseconds from the end of the primary to a row on the next one').toBeLessThan(
      withinMs,
    )
  },
)
