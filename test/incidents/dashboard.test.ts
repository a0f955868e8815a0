import { until } from '@vss-pipeline/local-stack'
import { describe, expect, test } from 'vitest'
import { dashboardQueries } from '../support/dashboard.ts'
import { rowsOf } from '../support/databases.ts'
import { bodyOf, completedExample } from '../support/vendor-examples.ts'
import { makeSilent, startScene } from './scene.ts'

describe('the dashboard', () => {
  test('finds data by each of its queries, once everything has happened', async () => {
    const scene = await startScene({ workers: 0, env: { WEBHOOK_SECRETS: 'a-secret-of-these-tests' } })
    const authorized = { Authorization: 'a-secret-of-these-tests' }
    await makeSilent(scene, 'acme_8x8')
    await rowsOf(scene.postgres.url, `SELECT vss.commit('billing', vss.feed_end())`)
    await scene.startWorker()
    scene.scrapeAll()
    await until(
      'A scrape before the first burst',
      async () => (await scene.prometheus.query('vss_outcomes_total')).length > 0,
      { timeoutMs: 20_000 },
    )
    const odd = completedExample()
    const unusual = [bodyOf('{'), bodyOf({ ...odd, payload: { ...odd.payload, novelty: 1 } })]
    let missing = dashboardQueries('1m')
    expect(missing.length).toBeGreaterThan(25)

    await until(
      'Data for every query',
      async () => {
        await scene.post(5, authorized)
        await scene.post(unusual, authorized)
        await scene.post(1, { Authorization: 'another' })
        const found = await Promise.all(missing.map(({ expr }) => scene.prometheus.query(expr)))
        missing = missing.filter((_, index) => !found[index]!.some(({ value }) => value[1] !== 'NaN'))
        return missing.length === 0
      },
      { timeoutMs: 60_000, pollMs: 1_000 },
    ).catch(() => expect(missing).toEqual([]))
  })
})
