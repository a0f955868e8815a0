import { errorMeanings } from '@vss-pipeline/vss/vocabulary'
import type { Clock } from './clocks.ts'
import type { Random } from './random.ts'
import { type LegPlan, pickScenario, type ScenarioName, type SessionPlan, scenarios } from './scenarios.ts'
import { countries, createSubscribers, type Subscriber } from './subscribers.ts'

/** An object of an event before it is written as JSON. The type is loose because dirt may put anything into it. */
export type LooseObject = Record<string, unknown>
export interface LooseEvent extends LooseObject {
  payload: LooseObject & { details: Record<string, LooseObject> }
}

export interface GeneratedSession {
  readonly sessionId: string
  readonly event: LooseEvent
}

/** Makes the next clean event, by the given scenario or by one that is drawn by its share. */
export type SessionSource = (scenario?: ScenarioName) => GeneratedSession

const subscriberCount = 1500
const virtualNumberCount = 60
const subAccountCount = 12
const platformNodeCount = 4

/** The share of calls that are bad, and that share where calls are uneven and go to {@link badCountry}. */
const badShare = 0.08
const badShareThere = 0.3
const badCountry = 'VN'
/** Where calls are uneven, the share of parties from the home country of the sub-account. */
const homeShare = 0.75

/** 100 ns ticks from the start of the Gregorian calendar to the Unix epoch: UUIDv1 counts from there. */
const gregorianOffsetTicks = 122_192_928_000_000_000n

/**
 * A UUIDv1 as the platform makes them (RFC 9562, section 5.1).
 *
 * @param tick 0 to 9,999: 100 ns ticks within the millisecond
 * @param node clock sequence and node, as the last two groups of the UUID
 */
function uuidV1(ms: number, tick: number, node: string): string {
  const ticks = (BigInt(ms) * 10_000n + BigInt(tick) + gregorianOffsetTicks).toString(16).padStart(15, '0')
  return `${ticks.slice(7)}-${ticks.slice(3, 7)}-1${ticks.slice(0, 3)}-${node}`
}

/** Formats a time in whole seconds, as the platform does. */
function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

function quality(random: Random, shareOfBad: number): LooseObject {
  const isBad = random.chance(shareOfBad)
  return {
    mos: Math.round((isBad ? 1.5 + random.next() * 2 : 3.7 + random.next() * 0.8) * 10) / 10,
    packetLossRate: random.chance(0.7) ? 0 : Math.round(random.next() * (isBad ? 0.2 : 0.02) * 1000) / 1000,
    jitter: isBad ? random.int(20, 180) : random.int(0, 30),
  }
}

interface Route {
  readonly direction: 'INBOUND' | 'OUTBOUND'
  readonly source: Subscriber
  readonly destination: Subscriber
  readonly refId: string
}

function createLeg(
  random: Random,
  callId: string,
  startMs: number,
  plan: LegPlan,
  route: Route,
  shareOfBad: number,
): LooseObject {
  const at = (seconds: number) => timestamp(startMs + seconds * 1000)
  return {
    callId,
    callDirection: route.direction,
    callType: 'PSTN',
    initiatedTimestamp: at(plan.initiated),
    ...(plan.connected !== null && { connectedTimestamp: at(plan.connected) }),
    disconnectedTimestamp: at(plan.disconnected),
    source: route.source.number,
    destination: route.destination.number,
    sourceFormat: 'MSISDN',
    destinationFormat: 'MSISDN',
    sourceCountryCode: route.source.country,
    destinationCountryCode: route.destination.country,
    [route.direction === 'OUTBOUND' ? 'sourceRefId' : 'destinationRefId']: route.refId,
    callStatus: plan.status,
    callDuration: plan.connected === null ? 0 : plan.disconnected - plan.connected,
    ...(plan.connected !== null && { callQuality: quality(random, shareOfBad) }),
  }
}

function errorDetails(errorCode: number | null): LooseObject {
  return errorCode === null ? {} : { errorDetails: { errorMsg: errorMeanings.get(errorCode), errorCode } }
}

/**
 * Makes a world of subscribers, virtual numbers and sub-accounts.
 *
 * @param options.isUneven whether reports find differences, as in real traffic: sub-accounts are large and small, most
 *   calls stay in a country, and those to one country sound worse. Otherwise everything is equally frequent
 */
export function createSessionSource(
  random: Random,
  nextStartMs: Clock,
  options: { isUneven: boolean },
): SessionSource {
  const { isUneven } = options
  const subscribers = createSubscribers(random, 'mobile', subscriberCount)
  const subscribersAt = countries.map((home) => subscribers.filter(({ country }) => country === home))
  const virtualNumbers = createSubscribers(random, 'fixed', virtualNumberCount)
  const subAccounts = Array.from({ length: subAccountCount }, (_, i) => `account_${i}_${random.hex(4)}`)
  const nodes = Array.from({ length: platformNodeCount }, () => `9${random.hex(3)}-${random.hex(12)}`)

  function pickSubAccount(): number {
    return Math.floor(random.next() ** (isUneven ? 2 : 1) * subAccountCount)
  }

  function pickParty(subAccount: number): Subscriber {
    const atHome = subscribersAt[subAccount % countries.length]!
    return random.pick(isUneven && atHome.length > 0 && random.chance(homeShare) ? atHome : subscribers)
  }

  return function nextSession(scenario = pickScenario(random)) {
    const clockMs = nextStartMs()
    const subAccount = pickSubAccount()
    const plan: SessionPlan = scenarios[scenario].plan(random)
    const node = random.pick(nodes)
    const tick = random.int(1, 9_998)
    const sessionId = uuidV1(clockMs, tick, node)

    const virtual = random.int(0, virtualNumberCount - 1)
    const virtualNumber = virtualNumbers[virtual] as Subscriber
    const refId = `PSTN${virtual + 1}`
    const inbound: Route = {
      direction: 'INBOUND',
      source: pickParty(subAccount),
      destination: virtualNumber,
      refId,
    }
    const outbound: Route = {
      direction: 'OUTBOUND',
      source: virtualNumber,
      destination: pickParty(subAccount),
      refId,
    }
    const shareOfBad = isUneven && outbound.destination.country === badCountry ? badShareThere : badShare
    // The platform makes leg A before the session and leg B after it, so their ids are a tick apart.
    const callA = createLeg(
      random,
      uuidV1(clockMs, tick - 1, node),
      clockMs,
      plan.legA,
      plan.inbound ? inbound : outbound,
      shareOfBad,
    )
    const callB =
      plan.legB === null
        ? null
        : createLeg(random, uuidV1(clockMs, tick + 1, node), clockMs, plan.legB, outbound, shareOfBad)
    const isNewer = random.chance(0.4)
    const endSeconds = Math.max(plan.legA.disconnected, plan.legB?.disconnected ?? 0)

    const event: LooseEvent = {
      payload: {
        sessionId,
        subAccountId: subAccounts[subAccount],
        sessionStatus: plan.status,
        startTime: timestamp(clockMs),
        endTime: timestamp(clockMs + endSeconds * 1000),
        lastAction: plan.lastAction,
        callCount: callB === null ? 1 : 2,
        ...(isNewer && random.chance(0.7) && { clientRequestId: `req-${random.hex(12)}` }),
        ...errorDetails(plan.errorCode),
        details: callB === null ? { callA } : random.chance(0.5) ? { callA, callB } : { callB, callA },
      },
      namespace: 'VOICE',
      eventType: 'SESSION_SUMMARY',
      description: 'Summary of a completed call session',
      ...(isNewer && { version: 5 }),
    }
    return { sessionId, event }
  }
}
