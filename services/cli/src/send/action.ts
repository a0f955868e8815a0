import { randomInt } from 'node:crypto'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { readSetting } from '@vss-pipeline/runtime'
import { CommandFailure, UsageError } from '../failure.ts'
import type { SendOptions } from '../send.ts'
import { displayJson } from '../text.ts'
import { type Bodies, generateBodies, pastDays, readBodies } from './bodies.ts'
import { openIdFile } from './id-file.ts'
import { createPace } from './pace.ts'
import { createPoster } from './post.ts'
import { startProgressBar } from './progress-bar.ts'
import { postAll } from './run.ts'
import { renderSummary, summarize } from './summary.ts'
import { createTally } from './tally.ts'

/** Posts the bodies that the options ask for, and prints a summary. @throws CommandFailure */
export async function runSend(options: SendOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const { url, concurrency } = options
  const headers = credentialHeaders(options, env)
  const bodies = await chooseBodies(options)
  const ids = options.ids === undefined ? undefined : openIdFile(options.ids)
  const poster = createPoster({ url, connections: concurrency, headers })
  const tally = createTally()
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())

  const progressBar = startProgressBar(bodies.total)
  const startedAtMs = performance.now()
  let gaveUpFor: string | null
  try {
    gaveUpFor = await postAll({
      bodies: bodies.values,
      concurrency: Math.min(concurrency, bodies.total),
      waitForTurn: createPace(options.rate, stop.signal),
      post: poster.post,
      tally,
      onAnswer({ deliveryId }) {
        if (deliveryId !== null) ids?.add(deliveryId)
        progressBar.advance()
      },
      stop,
    })
  } finally {
    progressBar.stop()
    await poster.close()
    ids?.close()
  }
  const summary = summarize({ url, bodies, tally, elapsedMs: performance.now() - startedAtMs })
  if (options.json) console.log(displayJson(summary))
  else if (summary.latencyMs !== null) console.log(renderSummary(summary))

  if (gaveUpFor !== null) {
    throw new CommandFailure(
      `nothing answers at ${url.href} (${gaveUpFor}): start the pipeline (npm start), or give its address with --url`,
    )
  }
  if (summary.acknowledged < summary.planned) process.exitCode = 1
}

const defaultCount = 10
const defaultCountADay = 500
const defaultDirtyShareOfDays = 0.02

function chooseBodies({ file, count, days, seed, dirty }: SendOptions): Bodies | Promise<Bodies> {
  if (file !== undefined) return readBodies(file)
  return generateBodies({
    count: count ?? (days === undefined ? defaultCount : defaultCountADay * days),
    seed: seed ?? String(randomInt(2 ** 32)),
    dirtyShare: dirty ?? (days === undefined ? 0 : defaultDirtyShareOfDays),
    ...(days !== undefined && { period: pastDays(days, Date.now()) }),
  })
}

function credentialHeaders({ secret, header }: SendOptions, env: NodeJS.ProcessEnv): Record<string, string> {
  const credential = secret ?? readSetting(env, 'vss', 'VSS_SECRET')
  if (!credential) return {}
  try {
    validateHeaderName(header)
  } catch {
    throw new UsageError(`--header is "${header}": it takes the name of a request header`)
  }
  try {
    validateHeaderValue(header, credential)
  } catch {
    throw new UsageError('the secret cannot be sent in a header: it takes printable ASCII characters')
  }
  return { [header]: credential }
}
