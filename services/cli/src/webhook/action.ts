import { ConfigError, readSetting, requireVariable, settings } from '@vss-pipeline/runtime'
import { confirm } from '../confirm.ts'
import { CommandFailure } from '../failure.ts'
import { displayJson, displayValue, renderTable } from '../text.ts'
import type { RegisterOptions, RemoveOptions, WebhookOptions } from '../webhook.ts'
import { openWebhooksApi, type Webhook, type WebhooksApi, webhookType } from './api.ts'
import { expectFirstDelivery, explainDelivery, type FirstDelivery } from './first-delivery.ts'

/** @throws CommandFailure, ConfigError */
export async function runList(options: WebhookOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const { subAccount, json } = options
  const webhooks = await withApi(subAccount, env, (api) => api.list())
  if (json) console.log(displayJson(webhooks.map(withoutCredentials)))
  else if (webhooks.length === 0) console.log(`sub-account ${subAccount} has no webhook`)
  else console.log(renderWebhooks(webhooks))
}

/** @throws CommandFailure, ConfigError */
export async function runRegister(options: RegisterOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const { subAccount, wait, dryRun = false, json } = options
  const secret = readSecret(env)
  await withApi(subAccount, env, async (api) => {
    const before = findOwn(await api.list()) ?? null
    const change = changeTo(before, options)
    if (dryRun || (change === 'none' && wait === undefined)) {
      const nothing: Registration = {
        registered: false,
        change,
        before,
        webhook: before,
        firstDelivery: null,
      }
      console.log(json ? registrationAsJson(nothing) : explainPlan(options, nothing))
      return
    }
    // The database is asked before anything changes, so that a wrong --database-url changes nothing.
    const expected = wait === undefined ? null : await expectFirstDelivery(options, env)
    if (change !== 'none') await confirmRegistration(options, before)
    const webhook = change === 'none' ? before : await replace(api, { before, secret, options })
    const registration: Registration = {
      registered: change !== 'none',
      change,
      before,
      webhook,
      firstDelivery: null,
    }
    if (!json) console.log(explainResult(options, registration))
    if (expected !== null) {
      process.stderr.write('vss: waiting for the first event: make a call\n')
      registration.firstDelivery = await expected.wait()
    }
    const { firstDelivery } = registration
    if (json) console.log(registrationAsJson(registration))
    else if (firstDelivery !== null) console.log(explainDelivery(firstDelivery))
    if (expected !== null && firstDelivery === null) throw new CommandFailure(nothingCame(subAccount))
    if (firstDelivery?.outcome === 'rejected') process.exitCode = 1
  })
}

/** @throws CommandFailure, ConfigError */
export async function runRemove(options: RemoveOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const { subAccount, dryRun = false, json } = options
  await withApi(subAccount, env, async (api) => {
    const webhook = findOwn(await api.list())
    if (webhook === undefined) {
      throw new CommandFailure(
        `sub-account ${subAccount} has no webhook of type ${webhookType}: vss webhook list shows all`,
      )
    }
    if (!dryRun) {
      await confirm({
        consequence: `8x8 will post the VSS events of sub-account ${subAccount} nowhere: they will be lost`,
        details: `Now they go to ${displayUrl(webhook.url)}`,
        question: 'Remove the webhook?',
        yes: options.yes,
      })
      await api.remove()
      if (findOwn(await api.list()) !== undefined) {
        throw new CommandFailure(`8x8 says that it removed the webhook, and still lists it: try again later`)
      }
    }
    if (json) console.log(displayJson({ removed: !dryRun, webhook: withoutCredentials(webhook) }))
    else console.log(`${dryRun ? 'would remove' : 'removed'}\n${renderWebhooks([webhook])}`)
  })
}

interface Registration {
  registered: boolean
  change: 'none' | 'new' | 'replaced'
  /** The webhook that was there. */
  before: Webhook | null
  webhook: Webhook | null
  firstDelivery: FirstDelivery | null
}

function changeTo(before: Webhook | null, { url, renew }: RegisterOptions): Registration['change'] {
  if (before === null) return 'new'
  return isAsWanted(before, url) && !renew ? 'none' : 'replaced'
}

/** For programs, whose output is kept in logs as well. */
function registrationAsJson(registration: Registration): string {
  const { before, webhook } = registration
  return displayJson({
    ...registration,
    before: before && withoutCredentials(before),
    webhook: webhook && withoutCredentials(webhook),
  })
}

function withoutCredentials(webhook: Webhook): Webhook {
  return { ...webhook, url: shownUrl(webhook.url) }
}

function explainPlan(options: RegisterOptions, registration: Registration): string {
  const { change, before } = registration
  if (change === 'none') return explainResult(options, registration)
  const removal = before === null ? '' : `would remove\n${renderWebhooks([before])}\n`
  return `${removal}would register\n${displayUrl(options.url.href)}`
}

function explainResult({ subAccount }: RegisterOptions, { change, webhook }: Registration): string {
  if (change !== 'none') return `registered\n${renderWebhooks(webhook === null ? [] : [webhook])}`
  return `8x8 posts the events of sub-account ${subAccount} there already: nothing was changed
(--renew registers it again, with the secret of WEBHOOK_SECRETS)`
}

async function confirmRegistration(options: RegisterOptions, before: Webhook | null): Promise<void> {
  const { subAccount, url, yes } = options
  const registration = `8x8 will post the events of sub-account ${subAccount} to ${displayUrl(url.href)}`
  await confirm({
    consequence:
      before === null ? registration : `${registration}, and loses events while it changes from another`,
    ...(before && { details: `Now they go to ${displayUrl(before.url)}` }),
    question: before === null ? 'Register it?' : 'Remove that webhook, and register the new one?',
    yes,
  })
}

/** Registers the webhook in the place of that of before, and sees that 8x8 has it. */
async function replace(
  api: WebhooksApi,
  wanted: { before: Webhook | null; secret: string; options: RegisterOptions },
): Promise<Webhook> {
  const { before, secret, options } = wanted
  const { url, subAccount } = options
  if (before !== null) await api.remove()
  try {
    await api.register({ url: url.href, secret })
    const webhook = findOwn(await api.list())
    if (webhook !== undefined && isAsWanted(webhook, url)) return webhook
    const state = webhook === undefined ? 'does not list it' : `lists ${describe(webhook)}`
    throw new CommandFailure(
      `8x8 took the registration, and ${state}: vss webhook list --sub-account ${subAccount}`,
    )
  } catch (error) {
    if (before === null || !(error instanceof CommandFailure)) throw error
    throw new CommandFailure(
      `the webhook to ${displayUrl(before.url)} is removed, and the new one is not sure: events are lost until one is registered: ${error.message}`,
      { cause: error },
    )
  }
}

async function withApi<Result>(
  subAccountId: string,
  env: NodeJS.ProcessEnv,
  work: (api: WebhooksApi) => Promise<Result>,
): Promise<Result> {
  const key = requireVariable(env, 'VSS_API_KEY', settings.VSS_API_KEY.kind)
  checkHeaderValue('VSS_API_KEY', key)
  const api = openWebhooksApi({
    address: readSetting(env, 'vss', 'VSS_API_URL'),
    key,
    secrets: readSetting(env, 'vss', 'WEBHOOK_SECRETS'),
    subAccountId,
  })
  try {
    return await work(api)
  } finally {
    await api.close()
  }
}

/** The first of the secrets, because a new one stands before the old one. @throws ConfigError */
function readSecret(env: NodeJS.ProcessEnv): string {
  const [secret] = readSetting(env, 'vss', 'WEBHOOK_SECRETS')
  if (secret === undefined) {
    throw new ConfigError(
      'WEBHOOK_SECRETS is not set: it takes the secrets that ingest has, and 8x8 gets the first',
    )
  }
  checkHeaderValue('WEBHOOK_SECRETS', secret)
  return secret
}

function checkHeaderValue(variable: string, value: string): void {
  if (/^[\x20-\x7e]+$/.test(value)) return
  throw new ConfigError(`${variable} cannot be sent in a header: it takes printable ASCII characters`)
}

function findOwn(webhooks: readonly Webhook[]): Webhook | undefined {
  return webhooks.find(({ type }) => type === webhookType)
}

function isAsWanted({ url, isEnabled, hasSecret }: Webhook, wanted: URL): boolean {
  return url === wanted.href && isEnabled && hasSecret !== false
}

function nothingCame(subAccount: string): string {
  return `no event of sub-account ${subAccount} came: make a call, and see with vss status whether POSTs are refused, or wait in the queue`
}

function describe({ url, isEnabled, hasSecret }: Webhook): string {
  const state = isEnabled ? 'enabled' : 'disabled'
  return `${displayUrl(url)} (${state}, ${displaySecret(hasSecret)})`
}

function renderWebhooks(webhooks: readonly Webhook[]): string {
  const rows = webhooks.map(({ type, url, isEnabled, hasSecret }) => [
    displayValue(type),
    isEnabled ? 'enabled' : 'disabled',
    displaySecret(hasSecret),
    displayUrl(url),
  ])
  return renderTable(['TYPE', 'STATE', 'SECRET', 'URL'], rows)
}

function displaySecret(hasSecret: boolean | null): string {
  if (hasSecret === null) return 'unknown'
  return hasSecret ? 'with secret' : 'no secret'
}

/** A URL without its user name, password and query, which may be secrets of another receiver. */
function shownUrl(text: string): string {
  if (!URL.canParse(text)) return text
  const { protocol, host, pathname, search } = new URL(text)
  return `${protocol}//${host}${pathname}${search === '' ? '' : '?…'}`
}

function displayUrl(text: string): string {
  return displayValue(shownUrl(text))
}
