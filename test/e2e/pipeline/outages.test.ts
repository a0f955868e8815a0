import { test } from 'vitest'
import { startFaultyPipeline } from '../../support/faulty-pipeline.ts'
import {
  surviveEndOfPostgres,
  surviveKilledIngestWithSpool,
  surviveLockedLedger,
  surviveRestartsOfIngest,
  surviveRestartsOfWorkers,
  terminated,
} from '../../support/outages.ts'

const small = { count: 3_000, connections: 16 }
const env = { SHUTDOWN_TIMEOUT_MS: '10000' }

test('Postgres may leave and come back: deliveries are acknowledged meanwhile, and none becomes a reject', async () => {
  const load = { seed: 'postgres-killed', ...small }
  await surviveEndOfPostgres(await startFaultyPipeline(), { ...load, end: 'kill', awayMs: 0 })
})

test('a flush whose rows another connection holds waits in hand, and goes on when they are free', async () => {
  await surviveLockedLedger(await startFaultyPipeline(), { seed: 'postgres-locked', ...small })
})

test('while Redis is away every POST is acknowledged, also by an ingest that was killed meanwhile', async () => {
  const load = { seed: 'ingest-killed-with-spool', count: 750 }
  await surviveKilledIngestWithSpool(await startFaultyPipeline(), load)
})

test('SIGTERM under load ends ingest with 0 in time, and loses nothing that was acknowledged', async () => {
  const load = { seed: 'ingest-restarted', ...small }
  await surviveRestartsOfIngest(await startFaultyPipeline({ env }), { ...load, ...terminated, times: 1 })
})

test('SIGTERM under load ends a worker with 0 in time, and leaves no batch behind as stalled', async () => {
  const load = { seed: 'worker-restarted', ...small }
  await surviveRestartsOfWorkers(await startFaultyPipeline({ env }), { ...load, times: 1 })
})
