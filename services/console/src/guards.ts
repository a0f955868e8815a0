import type { HttpBindings } from '@hono/node-server'
import type { Context, MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { Visit } from './sign-in/visits.ts'

export type ConsoleEnv = {
  Bindings: HttpBindings
  Variables: {
    visit: Visit
    /** The address that the request comes from; null when its connection is gone. */
    address: string | null
    /** The fields of a POST, of which its guard has checked the token. */
    form: Readonly<Record<string, string>>
  }
}

export type ConsoleContext = Context<ConsoleEnv>

/**
 * Everything comes from the console itself, and no script or style stands in a page. htmx and uPlot set styles by script,
 * which the policy does not concern.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Headers of every answer. Pages are never stored; assets set a Cache-Control of their own before. */
export const setSecurityHeaders: MiddlewareHandler<ConsoleEnv> = async function setSecurityHeaders(c, next) {
  await next()
  const { headers } = c.res
  headers.set('Content-Security-Policy', contentSecurityPolicy)
  headers.set('X-Content-Type-Options', 'nosniff')
  headers.set('X-Frame-Options', 'DENY')
  headers.set('Referrer-Policy', 'same-origin')
  headers.set('Cross-Origin-Opener-Policy', 'same-origin')
  headers.set('Cross-Origin-Resource-Policy', 'same-origin')
  if (isOverTls(c)) headers.set('Strict-Transport-Security', 'max-age=31536000')
  if (!headers.has('Cache-Control')) headers.set('Cache-Control', 'no-store')
}

/** Whether the browser's side of the connection is TLS, as the proxy before the console says. A lie harms the liar alone. */
export function isOverTls(c: ConsoleContext): boolean {
  return c.req.header('x-forwarded-proto')?.split(',', 1)[0]?.trim() === 'https'
}

/**
 * Without a password anyone on this machine may read. A page of another site must not: it could give its own name the
 * address 127.0.0.1, and read as that name.
 */
export const admitLocalNames: MiddlewareHandler<ConsoleEnv> = async function admitLocalNames(c, next) {
  const name = new URL(c.req.url).hostname
  if (!/^(localhost|127(\.\d+){3}|\[::1\])$/.test(name)) {
    throw new HTTPException(403, {
      message: 'Without CONSOLE_PASSWORD the console answers to localhost and 127.0.0.1 only.',
    })
  }
  await next()
}

/** Refuses a request that another site's page has made, where the browser tells. */
export function admitSite(c: ConsoleContext): void {
  const site = c.req.header('sec-fetch-site')
  const origin = c.req.header('origin')
  const host = c.req.header('x-forwarded-host') ?? c.req.header('host')
  const isForeign =
    site !== undefined ? site !== 'same-origin' : origin !== undefined && !hasHost(origin, host)
  if (isForeign) throw new HTTPException(403, { message: 'This form was sent from another site.' })
}

function hasHost(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host
}

/** Far more than any form here has. */
const maxFormBytes = 16 * 1024

/** Reads the fields of a form, bounded. A field that comes twice counts as its last. */
export async function readForm(c: ConsoleContext): Promise<Record<string, string>> {
  const length = Number(c.req.header('content-length') ?? Number.NaN)
  const isForm = c.req.header('content-type')?.startsWith('application/x-www-form-urlencoded')
  if (!isForm || !(length <= maxFormBytes)) {
    throw new HTTPException(400, { message: 'Expected a form of this console.' })
  }
  return Object.fromEntries(new URLSearchParams(await c.req.text()))
}
