import type { Random } from './random.ts'

/** One leg of a planned session. Times are seconds after the session's start. */
export interface LegPlan {
  readonly status: string
  readonly initiated: number
  /** Null when it is never connected. */
  readonly connected: number | null
  readonly disconnected: number
}

/** The course of a session, without its parties and its date. */
export interface SessionPlan {
  readonly status: string
  readonly lastAction: string
  readonly inbound: boolean
  readonly legA: LegPlan
  readonly legB: LegPlan | null
  readonly errorCode: number | null
}

export interface Scenario {
  /** The number of such sessions in 1,000. */
  readonly share: number
  plan(random: Random): SessionPlan
}

function connectedLeg(status: string, initiated: number, connected: number, disconnected: number): LegPlan {
  return { status, initiated, connected, disconnected }
}

function silentLeg(status: string, initiated: number, disconnected: number): LegPlan {
  return { status, initiated, connected: null, disconnected }
}

/** A masked call that B does not answer. The platform answers A only when B answers, so neither leg is connected. */
function maskedCall(status: string, statusA: string, waitSeconds: readonly [number, number]) {
  return (random: Random): SessionPlan => {
    const end = random.int(...waitSeconds)
    return {
      status,
      lastAction: 'MAKE_CALL',
      inbound: true,
      legA: silentLeg(statusA, -random.int(0, 2), end),
      legB: silentLeg(status, 0, end),
      errorCode: status === 'ERROR' ? random.pick([-2001, -2002, -2004, -2008, -2010]) : null,
    }
  }
}

function bridgedCall(random: Random): SessionPlan {
  const answered = random.int(2, 25)
  const end = answered + random.int(4, 900)
  return {
    status: 'COMPLETED',
    lastAction: 'MAKE_CALL',
    inbound: true,
    legA: connectedLeg('COMPLETED', -random.int(0, 2), answered, end),
    legB: connectedLeg('COMPLETED', 0, answered, end),
    errorCode: null,
  }
}

/** One leg that hears prompts: an IVR call when inbound, a voice message when outbound. */
function prompt(inbound: boolean, status: string, actions: readonly string[]) {
  return (random: Random): SessionPlan => {
    const answered = inbound ? random.int(0, 2) : random.int(3, 30)
    return {
      status,
      lastAction: random.pick(actions),
      inbound,
      legA: connectedLeg('COMPLETED', 0, answered, answered + random.int(5, 240)),
      legB: null,
      errorCode: null,
    }
  }
}

/** One leg that nobody answered. */
function unanswered(
  inbound: boolean,
  status: string,
  action: string,
  waitSeconds: readonly [number, number],
) {
  return (random: Random): SessionPlan => ({
    status,
    lastAction: action,
    inbound,
    legA: silentLeg(status, 0, random.int(...waitSeconds)),
    legB: null,
    errorCode: status === 'ERROR' ? random.pick([-2003, -2004, -2005, -2006, -2007, -2009, -9999]) : null,
  })
}

/** An IVR call that is handed over to an agent, so that A is connected long before B. */
function transfer(random: Random): SessionPlan {
  const handedOver = random.int(15, 90)
  const answered = handedOver + random.int(2, 25)
  const end = answered + random.int(20, 900)
  return {
    status: 'COMPLETED',
    lastAction: 'MAKE_CALL',
    inbound: true,
    legA: connectedLeg('COMPLETED', 0, 1, end),
    legB: connectedLeg('COMPLETED', handedOver, answered, end),
    errorCode: null,
  }
}

/** The three products that send session summaries, in plausible shares. Every plan agrees with the vendor's tables. */
export const scenarios = {
  maskedCompleted: { share: 400, plan: bridgedCall },
  maskedNoAnswer: { share: 90, plan: maskedCall('NO_ANSWER', 'COMPLETED', [20, 45]) },
  maskedBusy: { share: 35, plan: maskedCall('BUSY', 'COMPLETED', [1, 6]) },
  maskedFailed: { share: 30, plan: maskedCall('FAILED', 'COMPLETED', [0, 8]) },
  maskedCanceled: { share: 45, plan: maskedCall('CANCELED', 'CANCELED', [1, 20]) },
  maskedError: { share: 10, plan: maskedCall('ERROR', 'COMPLETED', [0, 3]) },
  ivrCompleted: {
    share: 170,
    plan: prompt(true, 'COMPLETED', ['SAY', 'PLAY_FILE', 'SAY_AND_CAPTURE', 'HANGUP']),
  },
  ivrTransfer: { share: 50, plan: transfer },
  ivrError: { share: 10, plan: unanswered(true, 'ERROR', 'SAY_AND_CAPTURE', [0, 2]) },
  messageCompleted: { share: 95, plan: prompt(false, 'COMPLETED', ['PLAY_TTS', 'SAY', 'PLAY_FILE']) },
  messageNoAnswer: { share: 30, plan: unanswered(false, 'NO_ANSWER', 'MAKE_CALL', [20, 45]) },
  messageBusy: { share: 12, plan: unanswered(false, 'BUSY', 'MAKE_CALL', [1, 6]) },
  messageFailed: { share: 10, plan: unanswered(false, 'FAILED', 'MAKE_CALL', [0, 8]) },
  messageError: { share: 8, plan: unanswered(false, 'ERROR', 'PLAY_TTS', [0, 2]) },
  messageUnsubscribed: { share: 5, plan: prompt(false, 'COMPLETED_UNSUBSCRIBED', ['SAY_AND_CAPTURE']) },
} satisfies Record<string, Scenario>

export type ScenarioName = keyof typeof scenarios

const wheel = (Object.keys(scenarios) as ScenarioName[]).flatMap((name) =>
  Array<ScenarioName>(scenarios[name].share).fill(name),
)

/** Draws a scenario by its share. */
export function pickScenario(random: Random): ScenarioName {
  return random.pick(wheel)
}
