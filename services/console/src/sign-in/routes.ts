import type { Logger } from '@vss-pipeline/runtime/service'
import type { Hono, MiddlewareHandler } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { html } from 'hono/html'
import { HTTPException } from 'hono/http-exception'
import { admitSite, type ConsoleContext, type ConsoleEnv, isOverTls, readForm } from '../guards.ts'
import { formToken, type Markup, type RenderPage } from '../layout.ts'
import { createPasswordCheck } from './password.ts'
import { type Visit, type Visits, visitName } from './visits.ts'
import type { WrongTries } from './wrong-tries.ts'

const cookieName = 'vss_console'

/** Gives each request its visit, and begins one where there is none. Without a password everyone is signed in. */
export function createVisitGuard(deps: {
  visits: Visits
  hasPassword: boolean
}): MiddlewareHandler<ConsoleEnv> {
  const { visits, hasPassword } = deps
  return async function findVisit(c, next) {
    const known = visits.read(getCookie(c, cookieName))
    if (known === null && isFollowedLink(c)) return c.html(askAgain)
    const visit = known ?? visits.begin({ isSignedIn: !hasPassword })
    if (known === null) keepCookie(c, visits, visit)
    c.set('visit', visit)
    await next()
  }
}

/** Somebody followed a link on another site: the browser keeps the cookie back, and sends it when the page asks again. */
function isFollowedLink(c: ConsoleContext): boolean {
  return c.req.method === 'GET' && c.req.header('sec-fetch-site') === 'cross-site'
}

const askAgain = html`<!doctype html><title>vss-pipeline</title><meta http-equiv="refresh" content="0">`

/** Sends whoever is not signed in to the form, and back from there. */
export const requireSignIn: MiddlewareHandler<ConsoleEnv> = async function requireSignIn(c, next) {
  if (c.var.visit.isSignedIn) return await next()
  const { pathname, search } = new URL(c.req.url)
  const back = c.req.method === 'GET' ? pathname + search : '/'
  const to = `/sign-in?to=${encodeURIComponent(back)}`
  // htmx would put the form where the results belong.
  if (c.req.header('hx-request') === 'true') return c.body(null, 204, { 'HX-Redirect': to })
  return c.redirect(to, 303)
}

/** Admits a POST from a form of this visit only, and reads its fields. */
export function createFormGuard(visits: Visits): MiddlewareHandler<ConsoleEnv> {
  return async function admitForm(c, next) {
    if (c.req.method !== 'POST') return await next()
    admitSite(c)
    const form = await readForm(c)
    if (!visits.isFormToken(c.var.visit, form.token)) {
      throw new HTTPException(403, {
        message: 'The form is too old, or is not from this console. Open the page again.',
      })
    }
    c.set('form', form)
    await next()
  }
}

/** Adds the pages by which people come and go. */
export function addSignIn(
  app: Hono<ConsoleEnv>,
  deps: {
    password: string
    visits: Visits
    wrongTries: WrongTries
    renderPage: RenderPage
    logger: Logger
  },
): void {
  const { password, visits, wrongTries, renderPage, logger } = deps
  const isPassword = createPasswordCheck(password)

  function answerForm(c: ConsoleContext, to: string, problem?: { status: 403 | 429; text: string }) {
    return renderPage(c, {
      title: 'Sign in',
      status: problem?.status ?? 200,
      body: signInForm(formToken(visits, c.var.visit), to, problem?.text),
    })
  }

  app.get('/sign-in', (c) => {
    const to = localPath(c.req.query('to'))
    return c.var.visit.isSignedIn ? c.redirect(to, 303) : answerForm(c, to)
  })
  app.post('/sign-in', (c) => {
    const { password: offered = '', to: given } = c.var.form
    const to = localPath(given)
    const { address } = c.var
    const waitSeconds = wrongTries.waitSeconds(address)
    if (waitSeconds > 0) {
      c.header('Retry-After', String(waitSeconds))
      const text = `Too many wrong passwords came from your address. Try again in ${waitSeconds} s.`
      return answerForm(c, to, { status: 429, text })
    }
    if (!isPassword(offered)) {
      wrongTries.add(address)
      logger.warn({ address }, 'a sign-in with a wrong password')
      return answerForm(c, to, { status: 403, text: 'The password is wrong.' })
    }
    visits.end(c.var.visit)
    const visit = visits.begin({ isSignedIn: true })
    logger.info({ address, visit: visitName(visit) }, 'signed in')
    keepCookie(c, visits, visit)
    return c.redirect(to, 303)
  })
  app.post('/sign-out', (c) => {
    visits.end(c.var.visit)
    deleteCookie(c, cookieName, { path: '/' })
    return c.redirect('/sign-in', 303)
  })
}

function keepCookie(c: ConsoleContext, visits: Visits, visit: Visit): void {
  setCookie(c, cookieName, visits.toCookie(visit), {
    path: '/',
    httpOnly: true,
    sameSite: 'Strict',
    secure: isOverTls(c),
    expires: new Date(visit.endsAtMs),
  })
}

/** A path of this console; the overview in place of anything that leads elsewhere. */
function localPath(given: string | undefined): string {
  return given !== undefined && /^\/(?![/\\])[\x21-\x7e]*$/.test(given) && !given.includes('\\') ? given : '/'
}

function signInForm(token: Markup, to: string, problem: string | undefined): Markup {
  return html`<form class="panel sign-in" method="post" action="/sign-in">
    ${token}
    <input type="hidden" name="to" value="${to}">
    ${problem === undefined ? '' : html`<p class="problem" role="alert">${problem}</p>`}
    <label for="password">Password</label>
    <input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
    <button class="primary" type="submit">Sign in</button>
    <p class="hint">It is the one in CONSOLE_PASSWORD, where the console runs.</p>
  </form>`
}
