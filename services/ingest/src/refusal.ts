/** Every way a request is refused: the `code` of its JSON answer and the label of its metric. */
export const refusals = {
  not_found: { status: 404, message: 'there is nothing at this path: POST to /webhooks/vss' },
  method_not_allowed: { status: 405, message: 'this path takes POST only' },
  forbidden: { status: 403, message: 'this address may not send here' },
  unauthorized: { status: 401, message: 'the secret is missing or wrong' },
  payload_too_large: { status: 413, message: 'the body is over the size limit' },
  request_timeout: { status: 408, message: 'the request did not arrive in time' },
  bad_request: { status: 400, message: 'this is no valid HTTP request' },
  headers_too_large: { status: 431, message: 'the request headers are over the size limit' },
  unavailable: { status: 503, message: 'the delivery could not be kept: send it again later' },
  internal_error: { status: 500, message: 'the request failed unexpectedly: send it again later' },
} as const

export type RefusalCode = keyof typeof refusals

const refusalHeaders: Partial<Record<RefusalCode, Record<string, string>>> = {
  method_not_allowed: { Allow: 'POST' },
  // The rest of the body is not read: the connection cannot be used again.
  payload_too_large: { Connection: 'close' },
  unavailable: { 'Retry-After': '2' },
  internal_error: { 'Retry-After': '2' },
}

export function refusalBody(code: RefusalCode): string {
  return JSON.stringify({ error: { code, message: refusals[code].message } })
}

/** Thrown by guards and handlers to refuse the request; the app's error handler answers and counts it. */
export class Refusal extends Error {
  readonly code: RefusalCode
  override readonly name = 'Refusal'
  constructor(code: RefusalCode, options?: ErrorOptions) {
    super(refusals[code].message, options)
    this.code = code
  }

  toResponse(): Response {
    return new Response(refusalBody(this.code), {
      status: refusals[this.code].status,
      headers: { 'Content-Type': 'application/json', ...refusalHeaders[this.code] },
    })
  }
}
