import type { ReprocessCount, ReprocessProgress } from '@vss-pipeline/pipeline'
import { displayCount, displayCountOf, displaySpan } from '@vss-pipeline/runtime'
import { indent, renderTable, title } from '../text.ts'

export interface ReprocessSummary extends ReprocessProgress {
  dryRun: boolean
  /** Whether all selected deliveries were judged. */
  complete: boolean
  seconds: number
}

/** The counts for people, with samples of each that changes. */
export function renderSummary({ dryRun, judged, seconds, counts }: ReprocessSummary): string {
  const verb = dryRun ? 'Would judge again' : 'Judged again'
  const rate = seconds > 0 ? Math.round(judged / seconds) : 0
  const head = `${verb}: ${displayCountOf(judged, 'delivery', 'deliveries')}, ${displaySpan(seconds)}, ${displayCount(rate)}/s`
  if (judged === 0) return title(head)
  const rows = counts.map((count) => [describe(count), displayCount(count.deliveries)])
  const changed = counts.filter(({ effect }) => effect !== 'none')
  const samples = changed.map((count) =>
    [`${describe(count)}, such as`, ...count.samples.map((id) => indent(id))].join('\n'),
  )
  return [
    title(head),
    '',
    indent(renderTable(['outcome', 'deliveries'], rows, { rightAligned: [1] })),
    ...(samples.length > 0 ? ['', indent(samples.join('\n'))] : []),
  ].join('\n')
}

function describe({ from, to, effect }: ReprocessCount): string {
  switch (effect) {
    case 'none':
      return `${from}: unchanged`
    case 'judged':
      return from === to ? `${from}: other reasons` : `${from} -> ${to}`
    case 'session_rewritten':
      return `${from}: session rewritten`
    case 'would_reject':
      return `${from}: would be rejected, left as it is`
    case 'other_session':
      return `${from}: names another session, left as it is`
    case 'session_gone':
      return `${from}: its session was deleted, left as it is`
    case 'no_body':
      return `${from}: has no body`
  }
}
