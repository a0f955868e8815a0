import type { HttpBindings } from '@hono/node-server'
import type { Logger } from '@vss-pipeline/runtime'
import { Hono, type MiddlewareHandler } from 'hono'
import { createAddressSet, createSourceAddress } from './address.ts'
import { createAuthenticator } from './authentication.ts'
import { readBody } from './body.ts'
import type { IngestConfig } from './config.ts'
import type { Keep } from './keep.ts'
import type { IngestMetrics } from './metrics.ts'
import { Refusal } from './refusal.ts'
import { createStamp } from './stamp.ts'

type Env = { Bindings: HttpBindings; Variables: { sourceIp: string | null } }

export const webhookPath = '/webhooks/vss'

/**
 * The public listener: `POST /webhooks/vss` answers 200 with the delivery's id once the delivery is kept. The
 * body is never parsed here: whatever an authenticated sender sends within the limit is kept as it is.
 */
export function createApp(deps: {
  config: Pick<
    IngestConfig,
    'allowedIps' | 'trustedProxies' | 'webhookSecrets' | 'webhookAuthHeader' | 'maxBodyBytes'
  >
  keep: Keep
  metrics: IngestMetrics
  logger: Logger
}): Hono<Env> {
  const { config, keep, metrics, logger } = deps
  const stampDelivery = createStamp()
  const app = new Hono<Env>()

  app.post(
    webhookPath,
    requireAllowedAddress(config),
    requireSecret(config),
    async function acceptDelivery(c) {
      const body = await readBody(c.env.incoming, config.maxBodyBytes)
      const delivery = stampDelivery(body, c.get('sourceIp'))
      try {
        await keep(delivery)
      } catch (cause) {
        throw new Refusal('unavailable', { cause })
      }
      metrics.accepted()
      return c.json({ deliveryId: delivery.deliveryId })
    },
  )
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

/** Notes who sends, and refuses addresses outside the allow-list when there is one. */
function requireAllowedAddress(
  config: Pick<IngestConfig, 'allowedIps' | 'trustedProxies'>,
): MiddlewareHandler<Env> {
  const isAllowed = createAddressSet(config.allowedIps)
  const sourceAddress = createSourceAddress(config.trustedProxies)
  return async function allowedAddress(c, next) {
    const { incoming } = c.env
    const forwardedFor = incoming.headers['x-forwarded-for'] as string | undefined
    const sourceIp = sourceAddress(incoming.socket.remoteAddress, forwardedFor)
    if (config.allowedIps.length > 0 && (sourceIp === null || !isAllowed(sourceIp))) {
      throw new Refusal('forbidden')
    }
    c.set('sourceIp', sourceIp)
    await next()
  }
}

/** Refuses requests without one of the secrets, before anything of the body is read. */
function requireSecret(
  config: Pick<IngestConfig, 'webhookSecrets' | 'webhookAuthHeader'>,
): MiddlewareHandler<Env> {
  const isAuthentic = createAuthenticator(config.webhookSecrets)
  return async function authenticated(c, next) {
    const credential = c.env.incoming.headers[config.webhookAuthHeader]
    if (!isAuthentic(Array.isArray(credential) ? undefined : credential)) throw new Refusal('unauthorized')
    await next()
  }
}
