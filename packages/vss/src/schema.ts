import { isUuid } from '@vss-pipeline/delivery'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { isStorableText, textLimits } from './values.ts'

const text = (description: string, check: (text: string) => boolean) =>
  Type.Refine(Type.String({ description }), check)

/**
 * The parts that an event needs to become a row, after its keys are read in canonical spelling and its texts are
 * trimmed. A description completes "expected ...". All other parts are optional: a bad value there becomes null.
 */
export const SessionSummary = Type.Object({
  namespace: Type.Literal('VOICE', { description: 'the namespace VOICE' }),
  eventType: Type.Literal('SESSION_SUMMARY', { description: 'the event type SESSION_SUMMARY' }),
  payload: Type.Object(
    {
      sessionId: text('a UUID', isUuid),
      subAccountId: text(
        `a text of 1 to ${textLimits.reference} characters without NUL or lone surrogates`,
        (value) => isStorableText(value, textLimits.reference),
      ),
      sessionStatus: text(
        `a text of 1 to ${textLimits.word} characters without NUL or lone surrogates`,
        (value) => isStorableText(value, textLimits.word),
      ),
      details: Type.Object({}, { description: 'an object with one member per call leg' }),
    },
    { description: 'an object' },
  ),
})

export type SessionSummary = Static<typeof SessionSummary>

/** Compiled once: a check costs less than a microsecond. */
export const summaryValidator = Compile(SessionSummary)
