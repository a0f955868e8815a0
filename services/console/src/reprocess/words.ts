import type { ReprocessCount, ReprocessProgress } from '@vss-pipeline/pipeline'
import { displayCountOf } from '@vss-pipeline/runtime'
import { count } from '../format.ts'
import { isChange } from './run.ts'
import type { Target } from './target.ts'

/** Whether reprocessing has only been tried, or done. */
export type Tense = 'would' | 'did'

/**
 * The result in a sentence, the changes first: `Of 1,204 rejected deliveries 1,180 would be stored, 20 superseded, 4
 * would stay rejected.`
 */
export function resultSentence(target: Target, result: ReprocessProgress, tense: Tense): string {
  const { judged, counts } = result
  if (judged === 0) return tense === 'would' ? 'There is no such delivery.' : 'Nothing was reprocessed.'
  const parts = [...counts.filter(isChange), ...counts.filter((one) => !isChange(one))].map((one) => ({
    deliveries: one.deliveries,
    ...phraseOf(one, tense),
  }))
  if (judged === 1) return `It ${parts[0]!.verb} ${parts[0]!.rest}.`
  // A verb that the part before has as well is left out.
  const texts = parts.map(({ deliveries, verb, rest }, index) =>
    [count(deliveries), ...(verb === parts[index - 1]?.verb ? [] : [verb]), rest].join(' '),
  )
  const kind = target.kind === 'rejected' ? 'rejected delivery' : 'delivery'
  const kinds = target.kind === 'rejected' ? 'rejected deliveries' : 'deliveries'
  return `Of ${displayCountOf(judged, kind, kinds)} ${texts.join(', ')}.`
}

/** A part of the sentence: `would be`, `stored`. */
function phraseOf(
  { effect, from, to, deliveries }: ReprocessCount,
  tense: Tense,
): { verb: string; rest: string } {
  const isOne = deliveries === 1
  const would = tense === 'would'
  const be = would ? 'would be' : isOne ? 'was' : 'were'
  const stay = would ? 'would stay' : 'stayed'
  const same = isOne ? 'as it is' : 'as they are'
  const them = isOne ? 'it' : 'them'
  switch (effect) {
    case 'judged':
      if (from === to) return { verb: stay, rest: `${to} for another reason` }
      return { verb: be, rest: to === 'duplicate' ? (isOne ? 'a duplicate' : 'duplicates') : to }
    case 'session_rewritten':
      return { verb: would ? 'would change' : 'changed', rest: 'the values of a session' }
    case 'would_reject':
      return { verb: stay, rest: `${same}, though today's code rejects ${them}` }
    case 'other_session':
      return { verb: stay, rest: `${same}, because today's code reads another session` }
    case 'session_gone':
      return { verb: stay, rest: `${same}, because the session was deleted` }
    case 'no_body':
      return { verb: stay, rest: `${same}, because there is no body` }
    case 'none':
      return { verb: stay, rest: from === 'rejected' ? 'rejected' : same }
  }
}
