import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import { traceOf, webhookPath } from '@vss-pipeline/delivery'
import { createStamp } from '@vss-pipeline/delivery/stamp'
import type { RequestOperation } from '@vss-pipeline/runtime'
import { createAddressSet, createSourceAddress, type Logger } from '@vss-pipeline/runtime/service'
import { type Context, Hono } from 'hono'
import type { Answers } from './answers.ts'
import { discardRest, readBody } from './body.ts'
import type { IngestConfig } from './config.ts'
import { type Keep, NotKeptError } from './keep.ts'
import { Refusal } from './refusal.ts'
import { announce, beginOperation, endOperation } from './request-operation.ts'
import type { WaitingBytes } from './waiting-bytes.ts'
import type { MarkTelling } from './watermark.ts'

type Env = { Bindings: HttpBindings }

/** Some customers register the URL with a slash behind it. The vendor sends a record once, so it must be taken there too. */
const webhookPaths = [webhookPath, `${webhookPath}/`] as const

const unexpected = 'a request failed unexpectedly'

/**
 * The public listener: `POST /webhooks/vss` answers 200 with the delivery's id once the delivery is kept. The
 * body is never parsed here: any bytes of an authenticated sender are kept as they are, within the limit.
 *
 * server.ts answers what never comes here: a request that takes too long (408) or is broken HTTP (400). readiness.ts has
 * the checks of /readyz.
 */
export function createApp(deps: {
  config: Pick<IngestConfig, 'allowedIps' | 'trustedProxies' | 'webhookAuthHeader' | 'maxBodyBytes'>
  /** Tells whether a credential is one of the secrets. */
  isAuthentic: (credential: string | undefined) => boolean
  keep: Keep
  /** No delivery is stamped before its `floorMs`. */
  mark: Pick<MarkTelling, 'floorMs'>
  /** Counts the bytes of bodies that are still arriving. */
  waiting: WaitingBytes
  answers: Pick<Answers, 'accepted' | 'refused'>
  logger: Logger
}): Hono<Env> {
  const { config, isAuthentic, keep, mark, waiting, answers, logger } = deps
  const sourceAddress = createSourceAddress(config.trustedProxies)
  const admitAddress = createAddressGuard(config.allowedIps, addressOf)
  const admitSite = createSiteGuard(isAuthentic)
  const admitSecret = createSecretGuard(config.webhookAuthHeader, isAuthentic)
  const stampDelivery = createStamp({ notBefore: () => mark.floorMs })
  const bodyLimits = { maxBodyBytes: config.maxBodyBytes, waiting }
  const app = new Hono<Env>()

  function addressOf({ socket, headers }: IncomingMessage): string | null {
    return sourceAddress(socket.remoteAddress, headers['x-forwarded-for'] as string | undefined)
  }

  /** @returns the sender's address. @throws Refusal; the connection then serves no further request. */
  function admit({ incoming, outgoing }: Env['Bindings']): string | null {
    try {
      admitMethod(incoming)
      const sourceIp = admitAddress(incoming)
      admitSite(incoming)
      admitSecret(incoming)
      return sourceIp
    } catch (refusal) {
      endAfter(outgoing)
      throw refusal
    }
  }

  async function acceptDelivery(c: Context<Env>, operation?: RequestOperation): Promise<Response> {
    const sourceIp = admit(c.env)
    const body = await readBody(c.env, bodyLimits)
    const delivery = announce(operation, stampDelivery(body, sourceIp))
    try {
      await keep(delivery)
    } catch (error) {
      if (error instanceof NotKeptError) throw new Refusal('unavailable', { cause: error })
      logger.error({ err: error, deliveryId: delivery.deliveryId, ...traceOf(delivery) }, unexpected)
      throw new Refusal('internal_error', { cause: error })
    }
    answers.accepted(delivery.receivedAtMs)
    return c.json({ deliveryId: delivery.deliveryId })
  }

  async function answerPost(c: Context<Env>): Promise<Response> {
    const operation = beginOperation(c.env.incoming)
    if (operation === undefined) return await acceptDelivery(c)
    try {
      const result = await acceptDelivery(c, operation)
      endOperation(operation, { result })
      return result
    } catch (error) {
      endOperation(operation, { error })
      throw error
    }
  }
  for (const path of webhookPaths) app.all(path, answerPost)
  app.notFound(function refusePath(c) {
    endAfter(c.env.outgoing)
    throw new Refusal('not_found')
  })
  app.onError(async function answerRefusal(error, c) {
    const isRefusal = error instanceof Refusal
    const refusal = isRefusal ? error : new Refusal('internal_error', { cause: error })
    if (!isRefusal) logger.error({ err: error }, unexpected)
    // A body that breaks off leaves nobody to answer. Where Node has answered, server.ts has counted it.
    const { incoming } = c.env
    if (refusal.code !== 'bad_request') {
      answers.refused(refusal.code, { method: incoming.method, sourceIp: addressOf(incoming) })
    }
    await discardRest(incoming)
    return refusal.toResponse({ closes: !incoming.complete })
  })
  return app
}

/** Ends the connection after this answer. Set at once, because pipelined requests come before the answer is sent. */
function endAfter(outgoing: ServerResponse): void {
  outgoing.shouldKeepAlive = false
}

function admitMethod({ method }: IncomingMessage): void {
  if (method !== 'POST') throw new Refusal('method_not_allowed')
}

/** Finds the sender's address, and refuses one outside the allow-list where there is a list. */
function createAddressGuard(
  allowedIps: readonly string[],
  addressOf: (incoming: IncomingMessage) => string | null,
) {
  const isAllowed = createAddressSet(allowedIps)
  return function admitAddress(incoming: IncomingMessage): string | null {
    const sourceIp = addressOf(incoming)
    if (allowedIps.length > 0 && (sourceIp === null || !isAllowed(sourceIp))) {
      throw new Refusal('forbidden')
    }
    return sourceIp
  }
}

/**
 * Refuses a browser's request for another site, where no secret is needed. Any page that a user opens could post to a
 * listener that only this machine reaches. Where a secret is needed, such a page does not have it.
 */
function createSiteGuard(isAuthentic: (credential: string | undefined) => boolean) {
  return function admitSite({ headers }: IncomingMessage): void {
    if (headers['sec-fetch-site'] === 'cross-site' && isAuthentic(undefined)) throw new Refusal('forbidden')
  }
}

/** Refuses requests without one of the secrets, before the body is read. */
function createSecretGuard(header: string, isAuthentic: (credential: string | undefined) => boolean) {
  return function admitSecret({ headers }: IncomingMessage): void {
    const credential = headers[header]
    if (!isAuthentic(Array.isArray(credential) ? undefined : credential)) throw new Refusal('unauthorized')
  }
}
