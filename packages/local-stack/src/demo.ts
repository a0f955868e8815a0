import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { webhookPath } from '@vss-pipeline/delivery'
import { type DeliveryRow, readDelivery, readSession, type StoredSession } from '@vss-pipeline/reader'
import { ConfigError, readSetting } from '@vss-pipeline/runtime'
import { createPool, type Pool, StorageFault } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import { LocalStackError } from './errors.ts'
import { formatLogLine } from './log-lines.ts'
import { startPipeline } from './pipeline.ts'
import { projectRoot } from './services.ts'
import { startStack } from './stack.ts'
import { abortOnStopSignals } from './stop-signals.ts'
import { renderTable } from './table.ts'
import { createTemporaryFolder } from './temporary-folder.ts'
import { until } from './waiting.ts'

const processingTimeoutMs = 30_000

/** The bodies that are posted, with the outcomes that the ledger must have for them. */
const examples = [
  { name: 'example-completed.json', outcome: 'stored' },
  { name: 'example-error.json', outcome: 'stored' },
  { name: 'a malformed body', outcome: 'rejected', body: '{"payload": {"sessionId": "cut sho' },
]

/**
 * Runs `npm run demo`: starts the pipeline in a temporary folder, posts the vendor's two examples and a malformed body,
 * and prints the rows. Exits 0 when all rows are there. Removes the folder in any case.
 */
async function main(): Promise<void> {
  const started = new AsyncDisposableStack()
  const serviceLines: string[] = []
  const signal = abortOnStopSignals({
    isRunByNpm: process.env.npm_lifecycle_event !== undefined,
    force: async () => process.exit(130),
  })
  try {
    await run(started, serviceLines, signal)
  } catch (error) {
    const isExpected =
      error instanceof LocalStackError || error instanceof ConfigError || error instanceof StorageFault
    if (!signal.aborted) {
      console.error([...serviceLines, isExpected ? `demo: ${error.message}` : error].join('\n'))
    }
    process.exitCode = signal.aborted ? 130 : 1
  } finally {
    await started.disposeAsync()
  }
  process.exit()
}

async function run(
  started: AsyncDisposableStack,
  serviceLines: string[],
  signal: AbortSignal,
): Promise<void> {
  const folder = await createTemporaryFolder()
  started.defer(() => folder.remove())
  const ports = { postgres: 0, redis: 0 }
  const mayInstallRedis = !readSetting(process.env, 'npm start', 'VSS_NO_APT')
  const stack = await startStack({ folder: folder.path, ports, mayInstallRedis, log: console.log, signal })
  started.defer(() => stack.stop())
  await migrate({ databaseUrl: stack.databaseUrl })
  const pipeline = await startPipeline({
    ...stack,
    // An empty environment, so that no variable of the shell, such as WEBHOOK_SECRETS, changes the demo.
    env: {},
    folder: folder.path,
    onLine: (service, line) => serviceLines.push(formatLogLine(service, line)),
    signal,
  })
  started.defer(() => pipeline.stop())
  const pool = createPool({ databaseUrl: stack.databaseUrl, maxConnections: 2, applicationName: 'vss-demo' })
  started.defer(() => pool.end())

  console.log(`Posting to ${pipeline.ingestUrl}${webhookPath}`)
  const posted: { name: string; deliveryId: string }[] = []
  for (const { name, body } of examples) {
    const deliveryId = await post(pipeline.ingestUrl, body ?? (await readExample(name)))
    console.log(`  200  ${deliveryId}  ${name}`)
    posted.push({ name, deliveryId })
  }
  const deliveries = await waitForLedger(pool, posted, signal)
  const sessionIds = deliveries.map((delivery) => delivery.sessionId).filter((id) => id !== null)
  const sessions = await Promise.all(sessionIds.map((id) => readSession(pool, id)))
  print(
    deliveries,
    sessions.filter((session) => session !== null),
  )
  check(deliveries, sessions)
}

function readExample(name: string): Promise<string> {
  return readFile(join(projectRoot, 'test/fixtures', name), 'utf8')
}

async function post(ingestUrl: string, body: string): Promise<string> {
  const response = await fetch(`${ingestUrl}${webhookPath}`, { method: 'POST', body })
  if (response.status !== 200) {
    throw new LocalStackError(`ingest answered ${response.status}: ${await response.text()}`)
  }
  return ((await response.json()) as { deliveryId: string }).deliveryId
}

/** Waits until the ledger has every delivery. @throws LocalStackError that names the missing ones. */
async function waitForLedger(
  pool: Pool,
  posted: { name: string; deliveryId: string }[],
  signal: AbortSignal,
): Promise<DeliveryRow[]> {
  let missing = posted
  const deliveries: DeliveryRow[] = []
  async function isComplete(): Promise<boolean> {
    const found = await Promise.all(posted.map(({ deliveryId }) => readDelivery(pool, deliveryId)))
    missing = posted.filter((_, index) => found[index] === null)
    if (missing.length === 0) deliveries.push(...found.filter((delivery) => delivery !== null))
    return missing.length === 0
  }
  try {
    await until('The processing', isComplete, { timeoutMs: processingTimeoutMs, signal })
  } catch (error) {
    if (missing.length === 0 || signal.aborted) throw error
    const names = missing.map(({ name }) => name).join(', ')
    throw new LocalStackError(`not in the ledger after ${processingTimeoutMs / 1000} s: ${names}`, {
      cause: error,
    })
  }
  return deliveries
}

/** Prints the most telling columns, as a terminal is narrow; `vss sessions show` has all columns. */
function print(deliveries: DeliveryRow[], stored: StoredSession[]): void {
  const sessions = stored.map(({ session }) => ({
    session_id: shortened(session.sessionId),
    status: session.status,
    caller: session.caller,
    callee: session.callee,
    answered: session.answered,
    ring_s: session.ringSeconds,
    talk_s: session.talkSeconds,
  }))
  const legs = stored.flatMap(({ session, legs }) =>
    legs.map((leg) => ({
      session_id: shortened(session.sessionId),
      leg: leg.leg,
      direction: leg.direction,
      status: leg.status,
      source: leg.source,
      destination: leg.destination,
      ring_s: leg.ringSeconds,
      mos: leg.mos,
    })),
  )
  const ledger = deliveries.map((delivery) => ({
    delivery_id: delivery.deliveryId,
    outcome: delivery.outcome,
    session_id: delivery.sessionId && shortened(delivery.sessionId),
    reasons: delivery.reasons.map(({ code }) => code),
  }))
  console.log(`\n${renderTable('vss.sessions', sessions)}`)
  console.log(`\n${renderTable('vss.call_legs', legs)}`)
  console.log(`\n${renderTable('vss.deliveries, the ledger', ledger)}\n`)
}

function shortened(id: string): string {
  return `${id.slice(0, 8)}…`
}

/** Checks the rows. @throws LocalStackError when an outcome is wrong, or a session or its legs are missing. */
function check(deliveries: DeliveryRow[], sessions: (StoredSession | null)[]): void {
  for (const [index, { name, outcome }] of examples.entries()) {
    const actual = deliveries[index]?.outcome
    if (actual !== outcome) throw new LocalStackError(`${name} is ${actual} in the ledger, not ${outcome}`)
  }
  const complete = sessions.filter((session) => session && session.legs.length > 0)
  const expected = examples.filter(({ outcome }) => outcome === 'stored').length
  if (complete.length !== expected) {
    throw new LocalStackError(`${complete.length} sessions with legs were stored, not ${expected}`)
  }
}

await main()
