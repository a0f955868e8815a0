import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'

const help = `Breaks the real services and servers under load, and accounts for every
acknowledged delivery.

npm run test:faults                      everything: a quarter of an hour
npm run test:faults -- redis worker      only files with these names
npm run test:faults -- redis --name TEXT only tests with this name
npm run test:faults -- soak --events N   the soak with N events (200,000)
npm run test:faults -- soak --seed TEXT  the soak with a seed that it printed
npm run test:faults -- fuzz --bodies N   the fuzz with N bodies (200,000)
`

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        events: { type: 'string', default: '200000' },
        bodies: { type: 'string', default: '200000' },
        seed: { type: 'string' },
        name: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    return refuse((error as Error).message)
  }
}

function refuse(message: string): never {
  process.stderr.write(`${message}\n\n${help}`)
  process.exit(2)
}

const { values, positionals } = readArguments()
if (values.help) {
  process.stdout.write(help)
  process.exit(0)
}
for (const name of ['events', 'bodies'] as const) {
  if (!/^[1-9]\d{0,8}$/.test(values[name]))
    refuse(`--${name} is ${JSON.stringify(values[name])}: it takes a whole number from 1 to 999999999`)
}

const vitest = spawn(
  'vitest',
  ['run', '--config', 'test/faults/vitest.config.ts', ...nameArguments(values.name), ...positionals],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      SOAK_EVENTS: values.events,
      FUZZ_BODIES: values.bodies,
      ...(values.seed !== undefined && { SOAK_SEED: values.seed }),
    },
  },
)
vitest.on('exit', (code) => process.exit(code ?? 1))

/** vitest takes a pattern. `--name` is plain text, so its special characters are escaped. */
function nameArguments(name: string | undefined): string[] {
  return name === undefined ? [] : ['--testNamePattern', name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')]
}
