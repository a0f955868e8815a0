import { isUuid } from '@vss-pipeline/delivery'
import { Pool } from 'undici'

/** The result of one POST. */
export interface Answer {
  /** The HTTP status; null when no answer came. */
  status: number | null
  /** The code of the answer's error, or the reason why no answer came (`ECONNREFUSED`); null for an acknowledgement. */
  code: string | null
  /** The id in an acknowledgement; null for every other answer. */
  deliveryId: string | null
}

export interface Poster {
  /** Posts one body. Settles within about 20 s, even where the server hangs. */
  post(body: Uint8Array): Promise<Answer>
  close(): Promise<void>
}

const connectTimeoutMs = 5_000
const answerTimeoutMs = 10_000

/** Posts to one URL on `connections` that stay open between posts. */
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
    // Ingest's answers are short, but the URL may be that of another server.
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

/** Reads an answer. A 200 is an acknowledgement only with a delivery's id, because other servers answer 200 too. */
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
