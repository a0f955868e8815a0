import { isUuid } from '@vss-pipeline/delivery'
import { Pool } from 'undici'

/** What one POST came to. */
export interface Answer {
  /** The HTTP status; null when no answer came. */
  status: number | null
  /** Of the answer's error, or of why none came (`ECONNREFUSED`); null for an acknowledgement. */
  code: string | null
  /** Given by an acknowledgement, and by nothing else. */
  deliveryId: string | null
}

export interface Poster {
  /** Posts one body. Settles within about 20 s, whatever the other side does. */
  post(body: Uint8Array): Promise<Answer>
  close(): Promise<void>
}

const connectTimeoutMs = 5_000
const answerTimeoutMs = 10_000

/** Posts to one URL, on as many connections as there are posts at a time, which stay open between them. */
export function createPoster(options: {
  url: URL
  connections: number
  /** Sent with every POST, beside the content type. */
  headers: Record<string, string>
}): Poster {
  const { url, connections } = options
  const pool = new Pool(url.origin, {
    connections,
    connect: { timeout: connectTimeoutMs },
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
    // Ingest's answers are short; a URL of something else may answer with anything.
    maxResponseSize: 64 * 1024,
  })
  const path = url.pathname + url.search
  const headers = { 'content-type': 'application/json', ...options.headers }

  return {
    async post(body) {
      try {
        const response = await pool.request({ method: 'POST', path, headers, body })
        return readAnswer(response.statusCode, await response.body.text())
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code === undefined) throw error
        return { status: null, code, deliveryId: null }
      }
    },
    close: () => pool.close(),
  }
}

/** A 200 is an acknowledgement only with the delivery's id: anything else on the web answers 200, too. */
export function readAnswer(status: number, text: string): Answer {
  const { deliveryId, error } = parseObject(text) as { deliveryId?: unknown; error?: { code?: unknown } }
  if (status === 200 && typeof deliveryId === 'string' && isUuid(deliveryId)) {
    return { status, code: null, deliveryId }
  }
  const code = typeof error?.code === 'string' && /^[a-z_]{1,40}$/.test(error.code) ? error.code : null
  return { status, code: status === 200 ? 'no_delivery_id' : code, deliveryId: null }
}

function parseObject(text: string): object {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}
