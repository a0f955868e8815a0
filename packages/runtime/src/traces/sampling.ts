import type { SpanContext } from '@opentelemetry/api'
import { isSampled } from './span-context.ts'

/** Tells whether to record a span, by the contexts that it comes from: its parent, or the deliveries of its batch. */
export type Sample = (origins: readonly SpanContext[]) => boolean

/**
 * Decides before anything of a span is made, so that a POST that is not recorded costs a random number.
 *
 * With `parentbased_…` a batch is recorded where one of its deliveries is, because a link must lead to both ends.
 *
 * @param options.sampler a value of OTEL_TRACES_SAMPLER
 * @param options.ratio the share of `…traceidratio`, from 0 to 1
 */
export function createSample(options: { sampler: string; ratio: number }): Sample {
  const { sampler, ratio } = options
  const isParentBased = sampler.startsWith('parentbased_')
  const share = shareOf(sampler, ratio)
  return function sample(origins) {
    if (isParentBased && origins.length > 0) return origins.some(isSampled)
    const [origin] = origins
    return (origin === undefined ? Math.random() : randomnessOf(origin)) < share
  }
}

function shareOf(sampler: string, ratio: number): number {
  if (sampler.endsWith('always_on')) return 1
  return sampler.endsWith('always_off') ? 0 : ratio
}

/** The random end of a trace's id as a share of 1, so that every program decides alike about a trace. */
function randomnessOf({ traceId }: SpanContext): number {
  return Number.parseInt(traceId.slice(-12), 16) / 2 ** 48
}
