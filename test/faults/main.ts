import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'

const help = `Lets the real services and servers fail under load, and accounts for every acknowledged delivery.

npm run test:faults                      everything: about a quarter of an hour
npm run test:faults -- redis worker      the files of such names alone
npm run test:faults -- redis --name TEXT the tests of such names alone
npm run test:faults -- soak --events N   the soak with N events (200,000)
npm run test:faults -- soak --seed TEXT  the soak again, with the faults of a seed that it printed
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
    refuse(`--${name} is ${JSON.stringify(values[name])}: it takes a number`)
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

/** vitest takes a pattern; what is given here is text. */
function nameArguments(name: string | undefined): string[] {
  return name === undefined ? [] : ['--testNamePattern', name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')]
}
