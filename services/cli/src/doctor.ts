import type { Command } from 'commander'
import { databaseUrlOption, queuePrefixOption, redisUrlOption, type SettingsOptions } from './settings.ts'

export interface DoctorOptions extends SettingsOptions {
  json?: true
}

export function addDoctor(program: Command, env: NodeJS.ProcessEnv): void {
  program
    .command('doctor')
    .description('Looks for faults of servers, settings and releases before they hurt.')
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addOption(redisUrlOption())
    .addOption(queuePrefixOption())
    .addHelpText(
      'after',
      `
It changes nothing, and says what to do about each finding. An error keeps
deliveries waiting or may lose them, a warning may come to that.

It exits 0 where nothing is found, 1 where something is, a warning as well, and
2 where neither Redis nor Postgres answers.

Examples:
  vss doctor
  vss doctor --json | jq '.findings[].code'`,
    )
    .action(async (options: DoctorOptions) => {
      const { runDoctor } = await import('./doctor/action.ts')
      await runDoctor(options, env)
    })
}
