import { webhookPath } from '@vss-pipeline/delivery'

interface RefusalKind {
  status: number
  message: string
  /** Whether the connection ends with the answer, so that a refused client does not hold one. */
  closes: boolean
}

/** Every way a request is refused: the `code` of its JSON answer and the label of its metric. */
export const refusals = {
  bad_request: { status: 400, message: 'this is not a valid HTTP request', closes: true },
  headers_too_large: { status: 431, message: 'the request headers are over the size limit', closes: true },
  unsupported_http_version: { status: 505, message: 'this speaks HTTP/1.1 and HTTP/1.0', closes: true },
  unsupported_transfer_coding: {
    status: 501,
    message: 'the only transfer coding that is taken is chunked',
    closes: true,
  },
  not_found: { status: 404, message: `there is nothing at this path: POST to ${webhookPath}`, closes: true },
  method_not_allowed: { status: 405, message: 'this path takes POST only', closes: true },
  forbidden: { status: 403, message: 'this sender may not post here', closes: true },
  unauthorized: { status: 401, message: 'the secret is missing or wrong', closes: true },
  payload_too_large: { status: 413, message: 'the body is over the size limit', closes: true },
  request_timeout: { status: 408, message: 'the request did not arrive in time', closes: true },
  unavailable: {
    status: 503,
    message: 'the delivery could not be kept: send it again later',
    closes: false,
  },
  internal_error: {
    status: 500,
    message: 'the request failed unexpectedly: send it again later',
    closes: false,
  },
} as const satisfies Record<string, RefusalKind>

export type RefusalCode = keyof typeof refusals

export const refusalCodes = Object.keys(refusals) as RefusalCode[]

const furtherHeaders: Partial<Record<RefusalCode, Record<string, string>>> = {
  method_not_allowed: { Allow: 'POST' },
  unavailable: { 'Retry-After': '2' },
  internal_error: { 'Retry-After': '2' },
}

/** @param options.closes ends the connection, whatever the code says. */
export function refusalHeaders(
  code: RefusalCode,
  options: { closes?: boolean } = {},
): Record<string, string> {
  const closes = options.closes || refusals[code].closes
  return {
    'Content-Type': 'application/json',
    ...furtherHeaders[code],
    ...(closes && { Connection: 'close' }),
  }
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

  get status(): number {
    return refusals[this.code].status
  }

  /** @param options.closes ends the connection, whatever the code says. */
  toResponse(options?: { closes?: boolean }): Response {
    return new Response(refusalBody(this.code), {
      status: this.status,
      headers: refusalHeaders(this.code, options),
    })
  }
}
