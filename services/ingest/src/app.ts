import type { IncomingMessage } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import type { Logger } from '@vss-pipeline/runtime'
import { Hono } from 'hono'
import { createAddressSet, createSourceAddress } from './address.ts'
import { readBody } from './body.ts'
import type { IngestConfig } from './config.ts'
import type { Keep } from './keep.ts'
import type { IngestMetrics } from './metrics.ts'
import { Refusal } from './refusal.ts'
import { createStamp } from './stamp.ts'

type Env = { Bindings: HttpBindings }

export const webhookPath = '/webhooks/vss'

/**
 * The public listener: `POST /webhooks/vss` answers 200 with the delivery's id once the delivery is kept. The
 * body is never parsed here: whatever an authenticated sender sends within the limit is kept as it is.
 */
export function createApp(deps: {
  config: Pick<IngestConfig, 'allowedIps' | 'trustedProxies' | 'webhookAuthHeader' | 'maxBodyBytes'>
  /** Tells whether a credential is one of the secrets. */
  isAuthentic: (credential: string | undefined) => boolean
  keep: Keep
  metrics: IngestMetrics
  logger: Logger
}): Hono<Env> {
  const { config, isAuthentic, keep, metrics, logger } = deps
  const admitAddress = createAddressGuard(config)
  const admitSecret = createSecretGuard(config.webhookAuthHeader, isAuthentic)
  const stampDelivery = createStamp()
  const app = new Hono<Env>()

  app.post(webhookPath, async function acceptDelivery(c) {
    const { incoming } = c.env
    const sourceIp = admitAddress(incoming)
    admitSecret(incoming)
    const body = await readBody(incoming, config.maxBodyBytes)
    const delivery = stampDelivery(body, sourceIp)
    try {
      await keep(delivery)
    } catch (cause) {
      throw new Refusal('unavailable', { cause })
    }
    metrics.accepted()
    return c.json({ deliveryId: delivery.deliveryId })
  })
  app.all(webhookPath, function refuseMethod() {
    throw new Refusal('method_not_allowed')
  })
  app.notFound(function refusePath() {
    throw new Refusal('not_found')
  })
  app.onError(function answerRefusal(error) {
    const refusal = error instanceof Refusal ? error : new Refusal('internal_error', { cause: error })
    if (refusal.code === 'internal_error') logger.error({ err: error }, 'a request failed unexpectedly')
    // A body that breaks off leaves nobody to answer; what Node answered instead, server.ts has counted.
    if (refusal.code !== 'bad_request') metrics.refused(refusal.code)
    return refusal.toResponse()
  })
  return app
}

/** Tells who sends a request, and refuses addresses outside the allow-list when there is one. */
function createAddressGuard(config: Pick<IngestConfig, 'allowedIps' | 'trustedProxies'>) {
  const isAllowed = createAddressSet(config.allowedIps)
  const sourceAddress = createSourceAddress(config.trustedProxies)
  return function admitAddress({ socket, headers }: IncomingMessage): string | null {
    const sourceIp = sourceAddress(socket.remoteAddress, headers['x-forwarded-for'] as string | undefined)
    if (config.allowedIps.length > 0 && (sourceIp === null || !isAllowed(sourceIp))) {
      throw new Refusal('forbidden')
    }
    return sourceIp
  }
}

/** Refuses requests without one of the secrets, before anything of the body is read. */
function createSecretGuard(header: string, isAuthentic: (credential: string | undefined) => boolean) {
  return function admitSecret({ headers }: IncomingMessage): void {
    const credential = headers[header]
    if (!isAuthentic(Array.isArray(credential) ? undefined : credential)) throw new Refusal('unauthorized')
  }
}
