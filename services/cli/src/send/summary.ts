import { displayCount } from '@vss-pipeline/runtime'
import { alignColumns, displayValue, indent, renderFields, title } from '../text.ts'
import type { Bodies } from './bodies.ts'
import type { LatencySummary } from './latencies.ts'
import type { AnswerCount, Tally } from './tally.ts'

/** The report of `vss send`, which `--json` prints as it is. */
export interface SendSummary {
  url: string
  seed: string | null
  /** The number of bodies to post. `posted` and `acknowledged` count some of these. */
  planned: number
  posted: number
  acknowledged: number
  answers: AnswerCount[]
  /** Null where there was no answer. */
  latencyMs: LatencySummary | null
  seconds: number
  ratePerSecond: number
}

export function summarize(run: { url: URL; bodies: Bodies; tally: Tally; elapsedMs: number }): SendSummary {
  const { url, bodies, tally, elapsedMs } = run
  return {
    url: url.href,
    seed: bodies.seed,
    planned: bodies.total,
    posted: tally.posted,
    acknowledged: tally.acknowledged,
    answers: tally.answers(),
    latencyMs: tally.latencies(),
    seconds: Math.round(elapsedMs) / 1000,
    ratePerSecond: Number(((tally.posted / elapsedMs) * 1000).toPrecision(3)),
  }
}

/** The summary for people. */
export function renderSummary(summary: SendSummary): string {
  const { url, seed, planned, posted, acknowledged, answers, latencyMs, seconds, ratePerSecond } = summary
  const of = posted === planned ? '' : ` of ${displayCount(planned)}`
  const origin: [label: string, value: string][] = [['to', url]]
  if (seed !== null) origin.push(['seed', displayValue(seed)])
  return [
    `Posted ${displayCount(posted)}${of} in ${seconds.toFixed(1)} s: ${displayCount(ratePerSecond)} a second`,
    renderFields(origin),
    '',
    title(`Answers (${displayCount(acknowledged)} acknowledged)`),
    indent(
      alignColumns(
        answers.map(({ status, code, count }) => [
          [status ?? 'none', code ?? ''].join(' ').trim(),
          displayCount(count),
        ]),
        { rightAligned: [1] },
      ),
    ),
    ...(latencyMs === null ? [] : ['', title('Latency'), indent(renderLatency(latencyMs))]),
  ].join('\n')
}

function renderLatency(latencyMs: LatencySummary): string {
  const rows = Object.entries(latencyMs).map(([name, ms]) => [name, `${ms.toFixed(1)} ms`])
  return alignColumns(rows, { rightAligned: [1] })
}
