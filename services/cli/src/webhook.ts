import { type Command, Option } from 'commander'
import { parseDuration, parseSubAccount, parseWebhookUrl } from './arguments.ts'
import { databaseUrlOption, type SettingsOptions } from './settings.ts'

export interface WebhookOptions {
  subAccount: string
  json?: true
}

export interface RemoveOptions extends WebhookOptions {
  yes?: true
  dryRun?: true
}

export interface RegisterOptions extends RemoveOptions, SettingsOptions {
  url: URL
  renew?: true
  /** Milliseconds. */
  wait?: number
}

const subAccountOption = () =>
  new Option('--sub-account <id>', 'the sub-account of 8x8').argParser(parseSubAccount).makeOptionMandatory()

export function addWebhook(program: Command, env: NodeJS.ProcessEnv): void {
  const webhook = program
    .command('webhook')
    .description('Shows and sets where 8x8 posts the events of a sub-account.')
  addList(webhook, env)
  addRegister(webhook, env)
  addRemove(webhook, env)
}

function addList(webhook: Command, env: NodeJS.ProcessEnv): void {
  webhook
    .command('list')
    .description('Shows the webhooks of a sub-account.')
    .addOption(subAccountOption())
    .option('--json', 'as JSON, for programs')
    .addHelpText(
      'after',
      `
The API key comes from VSS_API_KEY or VSS_API_KEY_FILE. VSS events go to the
webhook of type VSS. 8x8 tells whether it sends a secret along, not which.

Examples:
  VSS_API_KEY_FILE=/run/secrets/api-key vss webhook list --sub-account acme`,
    )
    .action(async (options: WebhookOptions) => {
      const { runList } = await import('./webhook/action.ts')
      await runList(options, env)
    })
}

function addRegister(webhook: Command, env: NodeJS.ProcessEnv): void {
  webhook
    .command('register')
    .description('Has 8x8 post the events of a sub-account to your ingest, with its secret.')
    .addOption(subAccountOption())
    .addOption(
      new Option('--url <url>', 'the public URL of ingest, such as https://example.com/webhooks/vss')
        .argParser(parseWebhookUrl)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--wait <span>', 'then waits so long for the first event, and shows it').argParser(
        parseDuration,
      ),
    )
    .option('--renew', 'also where it is registered already: for a new secret')
    .option('--yes', 'confirms it')
    .option('--dry-run', 'shows what would change, and changes nothing')
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
The secret is the first of WEBHOOK_SECRETS, the API key comes from VSS_API_KEY;
each may be in a file instead (WEBHOOK_SECRETS_FILE, VSS_API_KEY_FILE).

A sub-account has one webhook for VSS events. Another one is removed first, and
events between are lost. On a terminal it asks first, elsewhere it takes --yes.
--wait looks for the event in the database, and exits 1 where none comes.

Examples:
  vss webhook register --sub-account acme \\
    --url https://example.com/webhooks/vss --wait 5m`,
    )
    .action(async (options: RegisterOptions) => {
      const { runRegister } = await import('./webhook/action.ts')
      await runRegister(options, env)
    })
}

function addRemove(webhook: Command, env: NodeJS.ProcessEnv): void {
  webhook
    .command('remove')
    .description('Has 8x8 post the VSS events of a sub-account nowhere any more.')
    .addOption(subAccountOption())
    .option('--yes', 'confirms it')
    .option('--dry-run', 'shows the webhook, and changes nothing')
    .option('--json', 'as JSON, for programs')
    .addHelpText(
      'after',
      `
The API key comes from VSS_API_KEY or VSS_API_KEY_FILE. On a terminal it asks
first, elsewhere it takes --yes.

Examples:
  vss webhook remove --sub-account acme --dry-run`,
    )
    .action(async (options: RemoveOptions) => {
      const { runRemove } = await import('./webhook/action.ts')
      await runRemove(options, env)
    })
}
