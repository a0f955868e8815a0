import { generateEvents } from '@vss-pipeline/generator'
import { type RunningService, until } from '@vss-pipeline/local-stack'
import { addUpMinutes, createWriter } from '@vss-pipeline/storage'
import { expect, onTestFailed } from 'vitest'
import { countLedger } from '../support/accounting.ts'
import { delivery, session } from '../support/entries.ts'
import { type FaultyPipeline, startFaultyPipeline } from '../support/faulty-pipeline.ts'
import { linesOver80Columns, type VssResult, vss } from '../support/vss-command.ts'
import { type FiringAlert, type RunningPrometheus, startPrometheus } from './prometheus.ts'

/** A pipeline that works, watched by a Prometheus, and an operator who asks `vss status`. */
export interface Scene extends FaultyPipeline {
  prometheus: RunningPrometheus
  /** Scrapes all services that were started, also the ones that have ended. */
  scrapeAll(): void
  /** Posts these bodies one after the other, by default events. @returns the status codes of the answers. */
  post(bodies: number | readonly Uint8Array[], headers?: Record<string, string>): Promise<number[]>
  status(prefix?: string): Promise<VssResult>
  /** Waits until exactly these alerts fire, and checks that their texts are whole. */
  untilFiring(...names: string[]): Promise<FiringAlert[]>
  /** Waits until `vss status` exits so, with a verdict that matches. */
  untilStatus(exitCode: number, verdict: RegExp): Promise<string>
}

/** An alert waits for a tenth of its time: what takes two minutes takes less. The first minute of QueueLate stays. */
const firesWithinMs = 90_000

/** Starts a scene, and sees that it is calm: records flow, `vss status` exits 0 and no alert fires. */
export async function startScene(
  options: { workers?: number; env?: NodeJS.ProcessEnv } = {},
): Promise<Scene> {
  const prometheus = await startPrometheus()
  const pipeline = await startFaultyPipeline(options)
  const { webhookUrl, queuePrefix, postgres, redis, services } = pipeline
  let posted = 0

  function scrapeAll(): void {
    const opsUrls = (name: RunningService['name']) =>
      services.filter((service) => service.name === name).map(({ opsUrl }) => opsUrl)
    prometheus.watch({ 'vss-ingest': opsUrls('ingest'), 'vss-worker': opsUrls('worker') })
  }

  async function status(prefix = queuePrefix): Promise<VssResult> {
    return await vss(['status'], {
      DATABASE_URL: postgres.url,
      REDIS_URL: redis.url,
      QUEUE_PREFIX: prefix,
    })
  }

  async function firingNames(): Promise<string[]> {
    const names = (await prometheus.firing()).map(({ labels }) => labels.alertname!)
    return [...new Set(names)].toSorted()
  }

  async function untilFiring(...names: string[]): Promise<FiringAlert[]> {
    let fired: string[] = []
    await until(
      `The alerts ${names.join(', ') || 'none'}`,
      async () => {
        fired = await firingNames()
        return fired.join() === names.toSorted().join()
      },
      { timeoutMs: firesWithinMs, pollMs: 250 },
    ).catch((error: Error) => {
      throw new Error(`${error.message}: ${fired.join(', ') || 'none'} fired`)
    })
    const alerts = await prometheus.firing()
    for (const { annotations } of alerts) {
      const { summary, description } = annotations
      expect(summary + description!).not.toMatch(/\{\{|error expanding|<no value>|NaN/)
    }
    return alerts
  }

  async function untilStatus(exitCode: number, verdict: RegExp): Promise<string> {
    let last: VssResult | undefined
    await until(
      `A status that exits ${exitCode}`,
      async () => {
        last = await status()
        return last.exitCode === exitCode && verdict.test(verdictOf(last))
      },
      { timeoutMs: firesWithinMs, pollMs: 500 },
    ).catch((error: Error) => {
      throw new Error(`${error.message} with ${verdict}; the last one was ${JSON.stringify(last)}`)
    })
    expect(linesOver80Columns(last!.stdout)).toEqual([])
    return last!.stdout
  }

  async function post(
    bodies: number | readonly Uint8Array[],
    headers: Record<string, string> = {},
  ): Promise<number[]> {
    const sent =
      typeof bodies === 'number'
        ? [...generateEvents({ seed: `incident ${posted}`, count: bodies, dirtyShare: 0 })].map(
            ({ body }) => body,
          )
        : bodies
    const codes: number[] = []
    for (const body of sent) {
      posted++
      const answer = await fetch(webhookUrl, { method: 'POST', body: Buffer.from(body), headers })
      await answer.text()
      codes.push(answer.status)
    }
    return codes
  }

  const scene = { ...pipeline, prometheus, scrapeAll, post, status, untilFiring, untilStatus }
  onTestFailed(async () => {
    console.error(`Alerts: ${(await firingNames().catch(() => [])).join(', ') || 'none'}`)
    const { stdout, stderr } = await status()
    console.error(`vss status:\n${stdout}${stderr}`)
  })
  scrapeAll()
  return scene
}

/** The first paragraph that `vss status` prints, in one line. */
export function verdictOf({ stdout }: VssResult): string {
  return stdout.split('\n\n')[0]!.replaceAll(/\s+/g, ' ')
}

/** All is well, whether something comes or not. */
export const well = /^(Records flow: |Nothing comes, and nothing is wrong)/

/** Posts some events with this secret, and waits until they are rows and everything is well. */
export async function expectCalm(scene: Scene, headers: Record<string, string> = {}): Promise<void> {
  const before = await countLedger(scene.pool)
  expect(await scene.post(20, headers)).toEqual(Array(20).fill(200))
  await until('The rows', async () => (await countLedger(scene.pool)) >= before + 20, { timeoutMs: 20_000 })
  await until(
    'A Prometheus that has seen them',
    async () => Number((await scene.prometheus.query('sum(vss_outcomes_total)'))[0]?.value[1] ?? 0) >= 20,
    { timeoutMs: 20_000 },
  )
  await scene.untilFiring()
  await scene.untilStatus(0, well)
}

/** Has a sub-account heard of every ten minutes, until half an hour ago. */
export async function makeSilent({ pool }: Pick<Scene, 'pool'>, subAccountId: string): Promise<void> {
  const writer = createWriter({ pool, pipelineVersion: 'test' })
  const receipts = [60, 50, 40, 30].map((minutes) => Date.now() - minutes * 60_000)
  await writer.write(receipts.map((receivedAtMs) => delivery(session({ subAccountId }), { receivedAtMs })))
  await addUpMinutes(pool)
}
