import type { QueueReader } from '@vss-pipeline/queue'
import { createSourceAddress, type Logger } from '@vss-pipeline/runtime/service'
import type { Pool } from '@vss-pipeline/storage'
import { Hono } from 'hono'
import { html } from 'hono/html'
import { HTTPException } from 'hono/http-exception'
import type { Assets } from './assets.ts'
import type { ConsoleConfig } from './config.ts'
import { admitLocalNames, type ConsoleContext, type ConsoleEnv, setSecurityHeaders } from './guards.ts'
import { createLayout } from './layout.ts'
import { outageNotice } from './markup/notice.ts'
import { explainOutage } from './outage.ts'
import { addConsumers } from './pages/consumers.ts'
import { addDelivery } from './pages/delivery.ts'
import { addDrift } from './pages/drift.ts'
import { addOverview } from './pages/overview.ts'
import type { PageDeps } from './pages/page-deps.ts'
import { addQueue } from './pages/queue.ts'
import { addRejected } from './pages/rejected.ts'
import { addReprocess } from './pages/reprocess.ts'
import { addSession } from './pages/session.ts'
import { addSessions } from './pages/sessions.ts'
import { addTraffic } from './pages/traffic.ts'
import type { Runs } from './reprocess/runs.ts'
import { addSignIn, createFormGuard, createVisitGuard, requireSignIn } from './sign-in/routes.ts'
import { createVisits } from './sign-in/visits.ts'
import { createWrongTries } from './sign-in/wrong-tries.ts'

/**
 * The operator's pages. A request meets the guards in the order in which they are added here; behind `requireSignIn` are
 * the pages, one file each. An error of Postgres or Redis becomes a page that says so and asks for itself again.
 */
export function createApp(deps: {
  config: Pick<ConsoleConfig, 'consolePassword' | 'consoleNumbers' | 'trustedProxies'>
  /** Reads as `vss_support`. */
  pool: Pool
  queue: QueueReader
  /** Changes rows; null where the console has no role that may. */
  runs: Runs | null
  assets: Assets
  logger: Logger
  /** Milliseconds since the Unix epoch. */
  nowMs?: () => number
}): Hono<ConsoleEnv> {
  const { config, pool, queue, runs, assets, logger, nowMs = Date.now } = deps
  const { consolePassword: password } = config
  const hasPassword = password !== undefined
  const visits = createVisits({ nowMs })
  const renderPage = createLayout({ assets, visits, hasPassword })
  const sourceAddress = createSourceAddress(config.trustedProxies)
  const app = new Hono<ConsoleEnv>()

  app.use(setSecurityHeaders)
  if (!hasPassword) app.use(admitLocalNames)
  app.use(async function findAddress(c, next) {
    const forwarded = c.req.header('x-forwarded-for')
    c.set('address', sourceAddress(c.env?.incoming?.socket.remoteAddress, forwarded))
    await next()
  })
  assets.serve(app)
  app.use(createVisitGuard({ visits, hasPassword }))
  app.use(createFormGuard(visits))
  if (hasPassword) {
    addSignIn(app, { password, visits, wrongTries: createWrongTries({ nowMs }), renderPage, logger })
  }
  app.use(requireSignIn)

  const page: PageDeps = {
    pool,
    queue,
    runs,
    visits,
    renderPage,
    numbersMode: config.consoleNumbers,
    logger,
    nowMs,
  }
  addOverview(app, page)
  addSessions(app, page)
  addSession(app, page)
  addDelivery(app, page)
  addRejected(app, page)
  if (runs !== null) addReprocess(app, { ...page, runs })
  addTraffic(app, page)
  addDrift(app, page)
  addConsumers(app, page)
  addQueue(app, page)

  app.notFound((c: ConsoleContext) =>
    renderPage(c, {
      title: 'No such page',
      status: 404,
      body: html`<p>The console has nothing at this address.</p>`,
    }),
  )
  app.onError(async function answerError(error, c) {
    if (error instanceof HTTPException && error.status < 500) {
      const status = error.status as 400 | 403 | 404
      return await renderPage(c, { title: 'Refused', status, body: html`<p>${error.message}</p>` })
    }
    const outage = explainOutage(error)
    if (outage === null) logger.error({ err: error }, 'a page failed unexpectedly')
    else logger.warn({ err: error }, 'a page could not be read')
    return await renderPage(c, {
      title: outage?.title ?? 'This page failed',
      status: outage === null ? 500 : 503,
      ...(outage && { againAfterSeconds: 5 }),
      body: outageNotice(outage),
    })
  })
  return app
}
