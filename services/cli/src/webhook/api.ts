import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { Agent, request } from 'undici'
import { CommandFailure } from '../failure.ts'
import { displayValue, shorten } from '../text.ts'

/** The type of the webhook for Voice Session Summaries. The others (VCA, VCS, VRU, VNU) are not ours. */
export const webhookType = 'VSS'

/** A webhook of a sub-account: 8x8 posts the events of its type to its URL. There is one of each type. */
export interface Webhook {
  readonly type: string
  readonly url: string
  readonly isEnabled: boolean
  /** Whether 8x8 sends a secret along. It never tells which. Null where it does not say. */
  readonly hasSecret: boolean | null
}

/** 8x8's Webhooks API, by which it is told where to post. Every call throws a CommandFailure that says what to do. */
export interface WebhooksApi {
  list(): Promise<Webhook[]>
  /** Registers the webhook for Voice Session Summaries. */
  register(webhook: { url: string; secret: string }): Promise<void>
  /** Removes it. */
  remove(): Promise<void>
  close(): Promise<void>
}

const connectTimeoutMs = 5_000
const answerTimeoutMs = 15_000
const longestAnswerBytes = 64 * 1024

const listAnswer = Compile(
  Type.Object({
    webhooks: Type.Array(
      Type.Object({
        type: Type.String({ minLength: 1, maxLength: 50 }),
        url: Type.String({ maxLength: 4_096 }),
        enabled: Type.Boolean(),
        httpAuthHeaderAvailable: Type.Optional(Type.Boolean()),
      }),
      { maxItems: 50 },
    ),
  }),
)

const errorAnswer = Compile(
  Type.Object({
    statusMessage: Type.Optional(Type.String()),
    errorId: Type.Optional(Type.String({ pattern: '^[\\w-]{1,64}$' })),
  }),
)

interface Answer {
  readonly status: number
  readonly body: unknown
}

/**
 * Opens the API for one sub-account. Its answers are not trusted: they are bounded in size and time and checked, and
 * redirects are not followed, because the key goes along with every request.
 *
 * @param options.address begins its paths, without a slash at its end
 * @param options.secrets are shown in no error, besides the key: an answer may repeat them
 */
export function openWebhooksApi(options: {
  address: string
  key: string
  secrets: readonly string[]
  subAccountId: string
}): WebhooksApi {
  const { address, key, secrets, subAccountId } = options
  const path = `${address}/api/v1/subaccounts/${encodeURIComponent(subAccountId)}/webhooks`
  const agent = new Agent({ connect: { timeout: connectTimeoutMs }, maxResponseSize: longestAnswerBytes })
  const origin = `${new URL(address).host} (from VSS_API_URL)`

  async function call(method: 'GET' | 'POST' | 'DELETE', url: string, body?: object): Promise<Answer> {
    try {
      const response = await request(url, {
        dispatcher: agent,
        method,
        headers: {
          authorization: `Bearer ${key}`,
          accept: 'application/json',
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
        // Of all waiting, because a server may also send a byte now and then.
        signal: AbortSignal.timeout(answerTimeoutMs),
      })
      const answer = { status: response.statusCode, body: parseJson(await response.body.text()) }
      if (answer.status < 200 || answer.status > 299) throw new CommandFailure(explainRefusal(answer))
      return answer
    } catch (error) {
      if (error instanceof CommandFailure) throw error
      throw new CommandFailure(`${origin}: ${explainSilence(error)}`, { cause: error })
    }
  }

  function explainRefusal({ status, body }: Answer): string {
    const { statusMessage, errorId } = errorAnswer.Check(body) ? body : {}
    const details = [
      `HTTP ${status}`,
      ...(errorId === undefined ? [] : [`error id ${withoutSecrets(errorId)}`]),
    ].join(', ')
    const said = statusMessage ? `: "${shorten(displayValue(withoutSecrets(statusMessage)), 200)}"` : ''
    return `${origin}: ${reasonFor(status, subAccountId)}${said} (${details})`
  }

  function withoutSecrets(text: string): string {
    return secrets.reduce((shown, secret) => shown.replaceAll(secret, '…'), withoutKey(text))
  }

  /** A secret may be a short word, and stand in a URL for another reason. */
  function withoutKey(text: string): string {
    return text.replaceAll(key, '…')
  }

  return {
    async list() {
      const { body } = await call('GET', path)
      if (!listAnswer.Check(body)) {
        throw new CommandFailure(
          `${origin}: its answer is no list of webhooks: see that VSS_API_URL is the address of the Webhooks API`,
        )
      }
      return body.webhooks.map(({ type, url, enabled, httpAuthHeaderAvailable }) => ({
        type: withoutKey(type),
        url: withoutKey(url),
        isEnabled: enabled,
        hasSecret: httpAuthHeaderAvailable ?? null,
      }))
    },
    async register({ url, secret }) {
      await call('POST', path, { type: webhookType, url, httpAuthHeader: secret, enabled: true })
    },
    async remove() {
      await call('DELETE', `${path}/${webhookType}`)
    },
    close: () => agent.destroy(),
  }
}

/** The meaning of an HTTP status, and the remedy. */
function reasonFor(status: number, subAccountId: string): string {
  if (status === 401) return 'it does not know the API key: VSS_API_KEY takes one of the customer portal'
  if (status === 403) return `the API key may not do this for sub-account ${subAccountId}: give it that right`
  if (status === 404) return `there is no sub-account ${subAccountId}, or no such webhook: see --sub-account`
  if (status === 422) return 'it refuses a parameter: see --sub-account and --url'
  if (status >= 300 && status < 400) {
    return 'it redirects, and the API key goes to no other address: VSS_API_URL takes the final one'
  }
  if (status >= 500) return 'it failed: try again later'
  return 'it refuses the request'
}

/** Says why no usable answer came. */
function explainSilence(error: unknown): string {
  const { name, code, message } = error as NodeJS.ErrnoException
  if (name === 'TimeoutError') return `no answer within ${answerTimeoutMs / 1_000} s: try again later`
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return `its answer is longer than ${longestAnswerBytes / 1024} KiB: see that VSS_API_URL is the address of the Webhooks API`
  }
  return `it cannot be reached (${code ?? message}): see VSS_API_URL and the network`
}

/** @returns undefined for a text that is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
