import { randomBytes, randomUUID } from 'node:crypto'
import type { CallLeg, LedgerEntry, Session } from '@vss-pipeline/vss'

/** A UUIDv7 of that millisecond. */
export function deliveryIdAt(receivedAtMs: number): string {
  const time = receivedAtMs.toString(16).padStart(12, '0')
  const random = randomBytes(10).toString('hex')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-8${random.slice(3, 6)}-${random.slice(6, 18)}`
}

export function callLeg(leg: string, changes: Partial<CallLeg> = {}): CallLeg {
  return {
    leg,
    callId: randomUUID(),
    direction: leg === 'A' ? 'INBOUND' : 'OUTBOUND',
    callType: 'PSTN',
    status: 'COMPLETED',
    initiatedAtMs: Date.parse('2024-03-25T06:01:28.000Z'),
    connectedAtMs: Date.parse('2024-03-25T06:01:37.000Z'),
    disconnectedAtMs: Date.parse('2024-03-25T06:01:50.250Z'),
    durationSeconds: 13,
    source: '+12025550123',
    destination: '+6560000001',
    sourceFormat: 'MSISDN',
    destinationFormat: 'MSISDN',
    sourceCountry: 'US',
    destinationCountry: 'SG',
    sourceRefId: null,
    destinationRefId: 'PSTN1',
    mos: 4.5,
    packetLossRate: 0.01,
    jitterMs: 19,
    errorCode: null,
    errorMessage: null,
    ringSeconds: 9.5,
    sourceType: 'FIXED_LINE',
    destinationType: null,
    mosBand: 'excellent',
    ...changes,
  }
}

export function session(changes: Partial<Session> = {}): Session {
  return {
    sessionId: randomUUID(),
    subAccountId: 'test_account',
    status: 'COMPLETED',
    startedAtMs: Date.parse('2024-03-25T06:01:30.000Z'),
    endedAtMs: Date.parse('2024-03-25T06:01:50.250Z'),
    lastAction: 'MAKE_CALL',
    callCount: 2,
    clientRequestId: 'order "7", {half\\done} 訂單',
    schemaVersion: 5,
    errorCode: -2005,
    errorMessage: 'No coverage available for requested area',
    durationSeconds: 20.25,
    errorMeaning: 'Unable to synthesize text to speech',
    caller: '+12025550123',
    virtualNumber: '+6560000001',
    callee: '+6560000002',
    answered: true,
    ringSeconds: 7,
    talkSeconds: 13.25,
    mosMin: 4.5,
    mosBand: 'excellent',
    packetLossMax: 0.01,
    jitterMsMax: 20,
    legs: [callLeg('A'), callLeg('B')],
    anomalies: ['error_mismatch', 'unknown_field'],
    anomalyDetails: [
      { code: 'error_mismatch', path: 'payload.errorDetails' },
      { code: 'unknown_field', path: 'payload.recordings' },
    ],
    ...changes,
  }
}

/**
 * A delivery of that session. Its body is made from the session, so that the same content has the same body.
 */
export function delivery(content: Session, changes: Partial<LedgerEntry> = {}): LedgerEntry {
  const receivedAtMs = changes.receivedAtMs ?? Date.now()
  return {
    deliveryId: deliveryIdAt(receivedAtMs),
    receivedAtMs,
    sourceIp: '18.140.80.2',
    body: Buffer.from(JSON.stringify(content)),
    verdict: { kind: 'session', session: content },
    ...changes,
  }
}

export function rejectedDelivery(changes: Partial<LedgerEntry> = {}): LedgerEntry {
  const receivedAtMs = changes.receivedAtMs ?? Date.now()
  return {
    deliveryId: deliveryIdAt(receivedAtMs),
    receivedAtMs,
    sourceIp: '2001:db8::1',
    body: Buffer.from('{"payload":'),
    verdict: {
      kind: 'rejected',
      reasons: [{ code: 'malformed_json', path: '', message: 'expected JSON' }],
      sessionId: null,
    },
    ...changes,
  }
}
