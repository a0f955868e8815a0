import type { QualityBand } from './model.ts'

/**
 * 8x8's documentation of Voice Session Summaries, as tables. Its pages are under
 * https://developer.8x8.com/connect/docs/voice/ :
 * - number-masking/session-summary: the session's and the legs' statuses, the status table
 * - ivr/session-summary: actions, `version`, `clientRequestId`
 * - voice-messaging/session-status: the opt-out statuses
 * - error-codes/voice-error-codes: error codes and their messages
 * - webhook-guides/voice-session-summary-webhook: how summaries are delivered
 *
 * Spellings are canonical: upper case, words joined by `_`. `NO ANSWER` is sent as well as `NO_ANSWER`.
 */

/** Statuses of the Voice Messaging opt-out. They tell the end of the subscription, not of the call. */
export const optOutStatuses: ReadonlySet<string> = new Set([
  'COMPLETED_UNSUBSCRIBED',
  'COMPLETED_UNSUB_ERROR',
  'UNSUBSCRIBED_CONTACT',
])

export const sessionStatuses: ReadonlySet<string> = new Set([
  'COMPLETED',
  'NO_ANSWER',
  'BUSY',
  'CANCELED',
  'FAILED',
  'ERROR',
  ...optOutStatuses,
])

/** `ERROR` is missing from the documented list of leg statuses, but the documentation's own example sends it. */
export const legStatuses: ReadonlySet<string> = new Set([
  'COMPLETED',
  'NO_ANSWER',
  'BUSY',
  'CANCELED',
  'FAILED',
  'ERROR',
])

/** The values of `lastAction` that the platform sends. The documentation only names "makeCall or say". */
export const actions: ReadonlySet<string> = new Set([
  'MAKE_CALL',
  'PLAY_TTS',
  'SAY',
  'PLAY_FILE',
  'SAY_AND_CAPTURE',
  'HANGUP',
])

export const directions: ReadonlySet<string> = new Set(['INBOUND', 'OUTBOUND'])

export const callTypes: ReadonlySet<string> = new Set(['PSTN', 'VOIP'])

export interface ImpliedStatus {
  readonly callA: string
  /** Null: the session has no leg B. */
  readonly callB: string | null
  readonly session: string
}

/** The session status that the statuses of the legs imply. Other combinations imply nothing. */
export const impliedStatuses: readonly ImpliedStatus[] = [
  // Both parties talked.
  { callA: 'COMPLETED', callB: 'COMPLETED', session: 'COMPLETED' },
  { callA: 'COMPLETED', callB: 'NO_ANSWER', session: 'NO_ANSWER' },
  { callA: 'COMPLETED', callB: 'BUSY', session: 'BUSY' },
  // The outbound call failed.
  { callA: 'COMPLETED', callB: 'FAILED', session: 'FAILED' },
  // The caller hung up before the callee answered.
  { callA: 'CANCELED', callB: 'CANCELED', session: 'CANCELED' },
  // No outbound leg: a prompt, for example.
  { callA: 'COMPLETED', callB: null, session: 'COMPLETED' },
  // The inbound leg failed.
  { callA: 'ERROR', callB: null, session: 'ERROR' },
  // The outbound leg failed.
  { callA: 'COMPLETED', callB: 'ERROR', session: 'ERROR' },
]

const impliedByLegs = new Map(impliedStatuses.map((row) => [`${row.callA} ${row.callB}`, row.session]))

/**
 * Looks up the session status for the statuses of the legs.
 *
 * @param callA canonical status of leg A
 * @param callB canonical status of leg B; null when there is no such leg
 * @returns the session status that they imply, or undefined when the documentation does not list them
 */
export function impliedSessionStatus(callA: string, callB: string | null): string | undefined {
  return impliedByLegs.get(`${callA} ${callB}`)
}

/** Error codes with the vendor's message. */
export const errorMeanings: ReadonlyMap<number, string> = new Map([
  [-2001, 'An internal error has occurred'],
  [-2002, 'An internal connectivity error has occurred'],
  [-2003, 'The call flow provided is invalid'],
  [-2004, 'No coverage available for requested area'],
  [-2005, 'Unable to synthesize text to speech'],
  [-2006, 'Unable to download file for playback'],
  [-2007, 'The validity period of the call flow request has expired'],
  [-2008, 'The provided source MSISDN or caller ID is not whitelisted'],
  [-2009, 'The scenario parameters provided is invalid'],
  [-2010, 'The trunk capacity has been exceeded'],
  [-9999, 'An unknown error has occurred'],
])

// The pages disagree on the final full stop, so it is ignored.
const foldMessage = (message: string) => message.trim().replace(/\.$/, '').trimEnd().toLowerCase()

const codeByMessage = new Map([...errorMeanings].map(([code, message]) => [foldMessage(message), code]))

/**
 * Looks up the code of one of the vendor's messages. Case, outer spaces and a final full stop do not count.
 *
 * @param message an error message as sent
 * @returns the code, or undefined for a message that the vendor does not document
 */
export function documentedErrorCode(message: string): number | undefined {
  return codeByMessage.get(foldMessage(message))
}

/** The vendor's bands of the mean opinion score, best first: a band holds scores of `from` and above. */
export const mosBands: readonly { readonly band: QualityBand; readonly from: number }[] = [
  { band: 'excellent', from: 4.3 },
  { band: 'good', from: 4.0 },
  { band: 'fair', from: 3.6 },
  { band: 'poor', from: 3.1 },
  { band: 'bad', from: 1.0 },
]

/** The ranges of quality values: MOS is a scale, loss is a fraction (0.01 is 1 %), jitter is in milliseconds. */
export const qualityRanges = {
  mos: { min: 1, max: 5 },
  packetLossRate: { min: 0, max: 1 },
  jitterMs: { min: 0, max: Number.POSITIVE_INFINITY },
} as const

/** @returns the band of a mean opinion score, or null for a number outside 1 to 5 */
export function mosBand(mos: number): QualityBand | null {
  if (mos > qualityRanges.mos.max) return null
  return mosBands.find(({ from }) => mos >= from)?.band ?? null
}
