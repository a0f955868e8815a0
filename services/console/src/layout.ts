import { pipelineVersion } from '@vss-pipeline/runtime'
import { html } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'
import type { Assets } from './assets.ts'
import type { ConsoleContext } from './guards.ts'
import type { Visit, Visits } from './sign-in/visits.ts'

/** A piece of a page. Texts that are put into one are escaped. */
export type Markup = HtmlEscapedString | Promise<HtmlEscapedString>

export interface Page {
  readonly title: string
  /** One sentence below the title. */
  readonly lead?: Markup | string
  readonly body: Markup
  readonly status?: 200 | 400 | 403 | 404 | 429 | 500 | 503
  /** The page asks for itself again after this time: it is about something that passes. */
  readonly againAfterSeconds?: number
}

/** Answers with a page in the console's frame. */
export type RenderPage = (c: ConsoleContext, page: Page) => Response | Promise<Response>

const places = [
  { path: '/', name: 'Overview' },
  { path: '/sessions', name: 'Sessions' },
  { path: '/rejected', name: 'Rejected' },
  { path: '/traffic', name: 'Traffic' },
  { path: '/drift', name: 'Drift' },
  { path: '/consumers', name: 'Consumers' },
  { path: '/queue', name: 'Queue' },
] as const

/** Makes the frame of all pages. */
export function createLayout(deps: { assets: Assets; visits: Visits; hasPassword: boolean }): RenderPage {
  const { assets, visits, hasPassword } = deps

  function signOut(visit: Visit): Markup | string {
    if (!hasPassword || !visit.isSignedIn) return ''
    return html`<form method="post" action="/sign-out">
      ${formToken(visits, visit)}
      <button class="quiet" type="submit">Sign out</button>
    </form>`
  }

  return function renderPage(c, { title, lead, body, status = 200, againAfterSeconds }) {
    const { visit } = c.var
    const isInside = visit?.isSignedIn === true
    const refresh =
      againAfterSeconds === undefined ? '' : html`<meta http-equiv="refresh" content="${againAfterSeconds}">`
    const page = html`<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <meta name="htmx-config" content='{"includeIndicatorCSS": false, "history": "reload"}'>
  ${refresh}
  <title>${title} · vss-pipeline</title>
  <link rel="icon" href="${assets.urlOf('icon.svg')}" type="image/svg+xml">
  <link rel="stylesheet" href="${assets.urlOf('uplot.css')}">
  <link rel="stylesheet" href="${assets.urlOf('console.css')}">
  <script src="${assets.urlOf('htmx.js')}" defer></script>
  <script src="${assets.urlOf('uplot.js')}" defer></script>
  <script src="${assets.urlOf('console.js')}" defer></script>
</head>
<body>
  <a class="skip" href="#content">Skip to the content</a>
  <header class="frame">
    <a class="brand" href="/"><span class="brand-mark" aria-hidden="true"></span>vss-pipeline</a>
    ${isInside ? navigation(c.req.path) : ''}
    <div class="frame-foot">
      ${visit === undefined ? '' : signOut(visit)}
      <span class="version">${pipelineVersion}</span>
    </div>
  </header>
  <main id="content" tabindex="-1">
    <div class="page-head">
      <h1>${title}</h1>
      ${lead === undefined ? '' : html`<p class="lead">${lead}</p>`}
    </div>
    ${body}
  </main>
</body>
</html>`
    return c.html(page, status)
  }
}

/** The field that every form has: without it a POST is refused. */
export function formToken(visits: Visits, visit: Visit): Markup {
  return html`<input type="hidden" name="token" value="${visits.formTokenOf(visit)}">`
}

function navigation(current: string): Markup {
  const links = places.map(({ path, name }) => {
    const isCurrent = path === '/' ? current === '/' : current === path || current.startsWith(`${path}/`)
    return html`<li><a href="${path}"${isCurrent ? html` aria-current="page"` : ''}>${name}</a></li>`
  })
  return html`<nav aria-label="Pages"><ul>${links}</ul></nav>`
}
