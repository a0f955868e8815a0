/** Made-up series for `promtool test rules`: one sample each 15 s for 30 minutes. */

export const sampleSeconds = 15
export const samples = 120

/** The values of a series by its name with labels, as promtool writes them: `_` for none, `stale` where it ends. */
export type Series = Record<string, string>

/** Has one value throughout, or others from a sample on: `values(0, [40, 1])` is 1 from the sample 40 on. */
export function values(first: number | string, ...changes: [from: number, value: number | string][]): string {
  let value = first
  const written = Array.from({ length: samples }, (_, sample) => {
    value = changes.find(([from]) => from === sample)?.[1] ?? value
    return value
  })
  return written.join(' ')
}

/** Ended at a sample: Prometheus no longer finds the target. */
export const endsAt = (sample: number, value: number) => values(value, [sample, 'stale'], [sample + 1, '_'])

export const ingests = ['ingest-1', 'ingest-2']
export const workers = ['worker-1', 'worker-2']

/** Processes that have run for long when the time 0 comes. */
const startedLongAgo = -100_000

/** The series of an ingest that has counted much and counts nothing now. */
export function calmIngest(instance: string): Series {
  return labelled('vss-ingest', instance, {
    up: values(1),
    process_start_time_seconds: values(startedLongAgo),
    vss_redis_up: values(1),
    vss_redis_memory_share: values(0.1),
    vss_workers_connected: values(2),
    'vss_queue_jobs{state="failed"}': values(0),
    vss_queue_oldest_waiting_seconds: values(0.1),
    vss_deliveries_accepted_total: values(5_000),
    vss_spool_deliveries: values(0),
    vss_spool_bytes: values(0),
    vss_spool_max_bytes: values(1_000),
    'vss_requests_refused_total{reason="unavailable"}': values(70),
    'vss_requests_refused_total{reason="internal_error"}': values(0),
    'vss_requests_refused_total{reason="unauthorized"}': values(300),
    'vss_requests_refused_total{reason="forbidden"}': values(0),
    'vss_requests_refused_total{reason="not_found"}': values(9_000),
  })
}

/** The series of a worker that has counted much and counts nothing now. */
export function calmWorker(instance: string): Series {
  return labelled('vss-worker', instance, {
    up: values(1),
    process_start_time_seconds: values(startedLongAgo),
    vss_redis_up: values(1),
    vss_redis_memory_share: values(0.1),
    vss_workers_connected: values(2),
    'vss_queue_jobs{state="failed"}': values(0),
    vss_queue_oldest_waiting_seconds: values(0.1),
    vss_postgres_up: values(1),
    vss_feed_barrier_age_seconds: values(0),
    'vss_feed_consumer_lag_seconds{consumer="billing"}': values(2),
    // Always a second behind the clock.
    vss_complete_until_timestamp_seconds: `-1+${sampleSeconds}x${samples - 1}`,
    'vss_outcomes_total{outcome="stored"}': values(4_000),
    'vss_outcomes_total{outcome="rejected"}': values(900),
    'vss_reject_reasons_total{code="malformed_json"}': values(800),
    'vss_reject_reasons_total{code="unsupported_event"}': values(100),
  })
}

/** Two ingests and two workers in calm. */
export function calm(): Series {
  return Object.assign({}, ...ingests.map(calmIngest), ...workers.map(calmWorker))
}

/** A series of a calm process with other values. */
export function labelled(job: string, instance: string, series: Series): Series {
  return Object.fromEntries(
    Object.entries(series).map(([name, written]) => {
      const [metric, labels = '}'] = name.split('{')
      const more = labels === '}' ? '}' : `,${labels}`
      return [`${metric}{job="${job}",instance="${instance}"${more}`, written]
    }),
  )
}
