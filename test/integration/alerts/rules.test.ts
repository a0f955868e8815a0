import { execFile, spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createTemporaryFolder } from '@vss-pipeline/local-stack'
import { describe, expect, onTestFinished, test } from 'vitest'
import { prometheusFolder, readAlerts, readRuleFile, ruleFiles } from '../../support/alert-rules.ts'
import {
  calm,
  calmIngest,
  calmWorker,
  endsAt,
  labelled,
  type Series,
  sampleSeconds,
  samples,
  values,
} from './calm.ts'

const run = promisify(execFile)
const hasPromtool = spawnSync('promtool', ['--version']).status === 0

/** Everything is calm for ten minutes before something happens. */
const at = 40
const minutesBefore = (at * sampleSeconds) / 60

const ofIngest = (series: Series) => labelled('vss-ingest', 'ingest-1', series)
const ofWorker = (series: Series) => labelled('vss-worker', 'worker-1', series)
const ofAll = (name: string, written: string) =>
  Object.fromEntries(
    Object.keys(calm())
      .filter((series) => series.startsWith(`${name}{`))
      .map((series) => [series, written]),
  )

/** A process that began just now, and counted once before its first scrape. */
function begun(job: string, instance: string, counter: string): Series {
  return labelled(job, instance, {
    process_start_time_seconds: values('_', [at, at * sampleSeconds - 5]),
    [counter]: values('_', [at, 1]),
  })
}

/** Each happens at the sample `at`. The alerts fire two minutes later, and no others do. */
const happenings: { title: string; series: Series; alerts: string[] }[] = [
  {
    title: 'Redis is away from all',
    series: ofAll('vss_redis_up', values(1, [at, 0])),
    alerts: ['VssRedisAway'],
  },
  {
    title: 'Redis is away from one worker, which saw a late queue',
    series: ofWorker({
      vss_redis_up: values(1, [at, 0]),
      vss_queue_oldest_waiting_seconds: values(0.1, [at, 61]),
      vss_redis_memory_share: values(0.1, [at, 0.9]),
    }),
    alerts: ['VssRedisAway'],
  },
  {
    title: 'Redis is away while a delivery waits for long',
    series: {
      ...ofAll('vss_redis_up', values(1, [at, 0])),
      ...ofAll('vss_queue_oldest_waiting_seconds', values(0.1, [at, 61])),
    },
    alerts: ['VssQueueLate', 'VssRedisAway'],
  },
  {
    title: 'Redis is nearly full',
    series: ofAll('vss_redis_memory_share', values(0.1, [at, 0.81])),
    alerts: ['VssRedisNearlyFull'],
  },
  {
    title: 'Postgres takes no rows, and the feed stood still before',
    series: {
      ...ofAll('vss_postgres_up', values(1, [at, 0])),
      ...ofAll('vss_feed_barrier_age_seconds', values(0, [at, 61])),
    },
    alerts: ['VssFeedStalled', 'VssPostgresAway'],
  },
  {
    title: 'no worker tells itself in Redis any more',
    series: ofAll('vss_workers_connected', values(2, [at, 0])),
    alerts: ['VssNoWorker'],
  },
  {
    title: 'ingest sees no worker, because its prefix is another one',
    series: ofIngest({ vss_workers_connected: values(2, [at, 0]) }),
    alerts: ['VssNoWorker'],
  },
  {
    title: 'one delivery waits for longer than a minute',
    series: ofAll('vss_queue_oldest_waiting_seconds', values(0.1, [at + 4, 61])),
    alerts: ['VssQueueLate'],
  },
  {
    title: 'one batch fails',
    series: ofAll('vss_queue_jobs', values(0, [at, 1])),
    alerts: ['VssBatchesFailed'],
  },
  {
    title: 'one delivery waits in a spool',
    series: ofIngest({ vss_spool_deliveries: values(0, [at, 1]), vss_spool_bytes: values(0, [at, 9]) }),
    alerts: ['VssSpoolHolds'],
  },
  {
    title: 'a spool is nearly full',
    series: ofIngest({ vss_spool_deliveries: values(0, [at, 90]), vss_spool_bytes: values(0, [at, 900]) }),
    alerts: ['VssSpoolHolds', 'VssSpoolNearlyFull'],
  },
  {
    title: 'one POST is not kept',
    series: ofIngest({ 'vss_requests_refused_total{reason="unavailable"}': values(70, [at, 71]) }),
    alerts: ['VssDeliveriesNotKept'],
  },
  {
    title: 'an ingest begins with a POST that it did not keep',
    series: begun('vss-ingest', 'ingest-3', 'vss_requests_refused_total{reason="unavailable"}'),
    alerts: ['VssDeliveriesNotKept'],
  },
  {
    title: 'one POST has a wrong secret',
    series: ofIngest({ 'vss_requests_refused_total{reason="unauthorized"}': values(300, [at, 301]) }),
    alerts: ['VssPostsRefused'],
  },
  {
    title: 'an ingest begins with a POST that has a wrong secret',
    series: begun('vss-ingest', 'ingest-3', 'vss_requests_refused_total{reason="unauthorized"}'),
    alerts: ['VssPostsRefused'],
  },
  {
    title: 'the first delivery of a quiet time is rejected, for a reason of the last day',
    series: {
      ...ofWorker({
        'vss_outcomes_total{outcome="rejected"}': values(900, [2, 901], [at, 902]),
        'vss_reject_reasons_total{code="malformed_json"}': values(800, [2, 801], [at, 802]),
      }),
    },
    alerts: ['VssRejectsRise'],
  },
  {
    title: 'one of many deliveries is rejected, for a reason that the last day had not',
    series: ofWorker({
      'vss_outcomes_total{outcome="stored"}': values(4_000, [at, 4_500]),
      'vss_outcomes_total{outcome="rejected"}': values(900, [at, 901]),
      'vss_reject_reasons_total{code="unsupported_event"}': values(100, [at, 101]),
    }),
    alerts: ['VssRejectReasonNew'],
  },
  {
    title: 'a worker begins with a rejected delivery',
    series: {
      ...begun('vss-worker', 'worker-3', 'vss_outcomes_total{outcome="rejected"}'),
      ...begun('vss-worker', 'worker-3', 'vss_reject_reasons_total{code="unsupported_event"}'),
    },
    alerts: ['VssRejectReasonNew', 'VssRejectsRise'],
  },
  {
    title: 'a sub-account falls silent',
    series: ofWorker({ 'vss_sub_account_silent_seconds{sub_account_id="acme"}': values('_', [at, 1_800]) }),
    alerts: ['VssSubAccountSilent'],
  },
  {
    title: 'a sub-account looks silent while rows are late',
    series: {
      ...ofWorker({ 'vss_sub_account_silent_seconds{sub_account_id="acme"}': values('_', [at, 1_800]) }),
      ...ofAll('vss_queue_oldest_waiting_seconds', values(0.1, [at, 61])),
    },
    alerts: ['VssQueueLate'],
  },
  {
    title: 'a transaction holds the feed',
    series: ofAll('vss_feed_barrier_age_seconds', values(0, [at + 4, 61])),
    alerts: ['VssFeedStalled'],
  },
  {
    title: 'a consumer stops',
    series: ofAll('vss_feed_consumer_lag_seconds', values(2, [at, 301])),
    alerts: ['VssConsumerBehind'],
  },
  {
    title: 'the watermark stands for 5 minutes',
    series: ofAll('vss_complete_until_timestamp_seconds', values(at * sampleSeconds - 250)),
    alerts: ['VssWatermarkStands'],
  },
  {
    title: 'one worker freezes, so that its scrapes fail',
    series: {
      ...endedAt(at, calmWorker('worker-1')),
      ...ofWorker({ up: values(1, [at, 0]) }),
    },
    alerts: ['VssProcessAway'],
  },
  {
    title: 'no ingest is left to scrape',
    series: { ...endedAt(at, calmIngest('ingest-1')), ...endedAt(at, calmIngest('ingest-2')) },
    alerts: ['VssIngestAway'],
  },
]

/** Nothing fires in these at any time. */
const calmTimes: { title: string; series: Series }[] = [
  { title: 'calm', series: {} },
  { title: 'a worker is taken away', series: endedAt(at, calmWorker('worker-2')) },
  { title: 'an ingest is taken away', series: endedAt(at, calmIngest('ingest-2')) },
  {
    title: 'an ingest and a worker are restarted under their names',
    series: {
      ...restarted(calmIngest('ingest-1')),
      ...restarted(calmWorker('worker-1')),
      ...ofIngest({ up: values(1, [at, 0], [at + 2, 1]) }),
      ...ofWorker({ up: values(1, [at, 0], [at + 2, 1]) }),
    },
  },
  {
    title: 'an ingest and a worker are replaced by others',
    series: {
      ...endedAt(at, calmIngest('ingest-1')),
      ...endedAt(at, calmWorker('worker-1')),
      ...begunAt(at, calmIngest('ingest-3')),
      ...begunAt(at, calmWorker('worker-3')),
    },
  },
  { title: 'Redis restarts', series: ofAll('vss_redis_up', values(1, [at, 0], [at + 1, 1])) },
  { title: 'Postgres restarts', series: ofAll('vss_postgres_up', values(1, [at, 0], [at + 1, 1])) },
  {
    title: 'a stranger looks for pages that are not there',
    series: ofIngest({ 'vss_requests_refused_total{reason="not_found"}': values(9_000, [at, 9_900]) }),
  },
  {
    title: 'an ingest with old counts is not scraped for ten minutes',
    series: Object.fromEntries(
      Object.entries(calmIngest('ingest-1')).map(([name, written]) => [
        name,
        values(written.split(' ')[0]!, [at, 'stale'], [at + 1, '_'], [at + 40, written.split(' ')[0]!]),
      ]),
    ),
  },
]

test('every alert is tried', () => {
  const tried = new Set(happenings.flatMap(({ alerts }) => alerts))
  expect([...tried].toSorted()).toEqual(
    readAlerts()
      .map(({ alert }) => alert)
      .toSorted(),
  )
})

describe.skipIf(!hasPromtool)('promtool', () => {
  test.each(happenings)('$title: fires within two minutes $alerts', async ({ series, alerts }) => {
    await expectAlerts({ ...calm(), ...series }, [
      { expr: firing, at: minutesBefore - 0.25, alerts: [] },
      { expr: firing, at: minutesBefore + 2, alerts },
    ])
  })

  test.each(calmTimes)('$title: nothing fires', async ({ series }) => {
    await expectAlerts({ ...calm(), ...series }, [{ expr: firingSince, at: 29, alerts: [] }])
  })

  test('a reject reason is new for six minutes, however many follow', async () => {
    const flood = ofWorker({
      'vss_outcomes_total{outcome="stored"}': growing(4_000, 100),
      'vss_reject_reasons_total{code="unsupported_event"}': growing(100, 1),
    })
    await expectAlerts({ ...calm(), ...flood }, [
      { expr: firing, at: minutesBefore + 2, alerts: ['VssRejectReasonNew'] },
      { expr: firing, at: minutesBefore + 7, alerts: [] },
      { expr: firing, at: minutesBefore + 15, alerts: [] },
    ])
  })

  test('a sub-account is told to be silent for a day', async () => {
    const dayMinutes = 24 * 60
    const silence = 'vss_sub_account_silent_seconds{sub_account_id="acme"}'
    const series = { vss_deliveries_accepted_total: '0+0x1500', [silence]: '1800+60x1500' }
    const expected = [
      { expr: firing, at: 4, alerts: ['VssSubAccountSilent'] },
      { expr: firing, at: dayMinutes - 1, alerts: ['VssSubAccountSilent'] },
      { expr: firing, at: dayMinutes + 2, alerts: [] },
    ]
    await expectAlerts(series, expected, 60)
  })
})

/** Alerts are judged before the figures that they begin with, so that they see these as late as they may. */
const groupNames = ruleFiles.toReversed().flatMap((file) => readRuleFile(file).groups.map(({ name }) => name))

const firing = 'group by (alertname) (ALERTS{alertstate="firing"})'
/** Also alerts that are over by now. */
const firingSince = 'group by (alertname) (max_over_time(ALERTS{alertstate="firing"}[30m]))'

/** @param expected the alerts that a query finds, at a time in minutes. */
async function expectAlerts(
  series: Series,
  expected: { expr: string; at: number; alerts: string[] }[],
  intervalSeconds = sampleSeconds,
): Promise<void> {
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const file = join(folder.path, 'test.json')
  // JSON is YAML.
  const content = {
    rule_files: ruleFiles.map((name) => join(prometheusFolder, name)),
    evaluation_interval: `${intervalSeconds}s`,
    group_eval_order: groupNames,
    tests: [
      {
        interval: `${intervalSeconds}s`,
        input_series: Object.entries(series).map(([name, written]) => ({ series: name, values: written })),
        promql_expr_test: expected.map(({ expr, at, alerts }) => ({
          expr,
          eval_time: `${at * 60}s`,
          exp_samples: alerts.map((alertname) => ({ labels: `{alertname="${alertname}"}`, value: 1 })),
        })),
      },
    ],
  }
  await writeFile(file, JSON.stringify(content))
  const { stdout, stderr } = await run('promtool', ['test', 'rules', file]).catch((error) => error)
  expect(stdout + stderr).toMatch(/SUCCESS\s*$/)
}

/** Grows by so much at each sample from `at` on. */
function growing(first: number, by: number): string {
  const changes = Array.from({ length: samples - at }, (_, n): [number, number] => [
    at + n,
    first + (n + 1) * by,
  ])
  return values(first, ...changes)
}

function endedAt(sample: number, series: Series): Series {
  return Object.fromEntries(
    Object.entries(series).map(([name, written]) => {
      const [first = ''] = written.split(/[ +]/)
      return [name, endsAt(sample, Number(first))]
    }),
  )
}

/** Counters begin at 0. */
function begunAt(sample: number, series: Series): Series {
  return Object.fromEntries(
    Object.entries(series).map(([name, written]) => [
      name,
      values('_', [sample, freshValue(name, written, sample)]),
    ]),
  )
}

/** It is away for two samples, and has counted nothing since. */
function restarted(series: Series): Series {
  return Object.fromEntries(
    Object.entries(series).map(([name, written]) => {
      const [before = ''] = written.split(/[ +]/)
      const after = freshValue(name, written, at + 2)
      return [name, values(before, [at, 'stale'], [at + 1, '_'], [at + 2, after])]
    }),
  )
}

function freshValue(name: string, written: string, sample: number): number {
  if (name.startsWith('process_start_time_seconds')) return sample * sampleSeconds - 5
  if (name.startsWith('vss_complete_until_timestamp_seconds')) return sample * sampleSeconds + 2_000
  return /_total\{/.test(name) ? 0 : Number(written.split(' ')[0])
}
