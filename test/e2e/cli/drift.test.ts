import { until } from '@vss-pipeline/local-stack'
import type { DriftRow } from '@vss-pipeline/reader'
import { expect, it } from 'vitest'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { completedExample } from '../../support/vendor-examples.ts'
import { linesOver80Columns, vss } from '../../support/vss-command.ts'

it('shows a field that was renamed and a word that is new, with a delivery of each', async () => {
  const pipeline = await startRunningPipeline()
  const env = { DATABASE_URL: pipeline.databaseUrl }
  const drift = async (args: string[] = []): Promise<DriftRow[]> => {
    return JSON.parse((await vss(['drift', '--json', ...args], env)).stdout)
  }
  expect(await drift()).toEqual([])
  expect(await vss(['drift'], env)).toMatchObject({ stdout: 'no event differed from the documentation\n' })

  const event = completedExample()
  Object.assign(event.payload.details.callA, { callId: undefined, id: 'x' })
  event.payload.lastAction = 'transferToAgent'
  const response = await fetch(pipeline.webhookUrl, { method: 'POST', body: JSON.stringify(event) })
  const { deliveryId } = (await response.json()) as { deliveryId: string }

  const rows = await until(
    'Two kinds of drift',
    async () => ((await drift()).length === 2 ? drift() : undefined),
    {
      timeoutMs: 10_000,
    },
  )
  expect(rows).toMatchObject([
    { kind: 'unknown_action', path: 'payload.lastAction', value: 'transferToAgent', deliveries: 1 },
    { kind: 'unknown_field', path: 'payload.details.callA.id', value: '', sampleDeliveryId: deliveryId },
  ])
  expect(await drift(['--since', '1h'])).toHaveLength(2)

  const { exitCode, stdout } = await vss(['drift'], env)
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(
    /^unknown_action\n {2}payload\.lastAction: transferToAgent\n {2}1 delivery, \S+Z to \S+Z\n {2}such as \S+\n/,
  )
  expect(linesOver80Columns(stdout)).toEqual([])
  const show = await vss(['sessions', 'show', String(event.payload.sessionId)], env)
  expect(show.stdout).toMatch(/^ {2}anomaly_details .*unknown_field\s+payload\.details\.callA\.id$/m)
})
