import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeDefault, wrap } from './help.ts'
import { type Program, programs } from './programs.ts'
import { settingNames } from './read-settings.ts'
import { type AnySetting, defaultFor, isNone, isSameAs } from './setting.ts'
import { settings } from './table.ts'

const projectRoot = join(import.meta.dirname, '..', '..', '..', '..')
const services = ['ingest', 'worker', 'console'] as const
type Service = (typeof services)[number]

/** Settings that compose does not pass on: the image sets HOST, and docker-compose.yml says where ports are published. */
const fixedInContainers = ['HOST', 'PORT', 'CONSOLE_PORT', 'OPS_HOST']

/**
 * Writes the files that repeat the table: docs/settings.md, .env.example, and the names in docker-compose.yml that
 * compose passes on. Run it after a change of the table. A test fails where one of the three is stale.
 */
function main(): void {
  for (const { path, text } of renderFiles()) writeFileSync(join(projectRoot, path), text)
}

/** Makes the text of the files from the table. The paths begin at the project's folder. */
export function renderFiles(): { path: string; text: string }[] {
  const compose = readFileSync(join(projectRoot, 'docker-compose.yml'), 'utf8')
  return [
    { path: 'docs/settings.md', text: renderPage() },
    { path: '.env.example', text: renderExample() },
    { path: 'docker-compose.yml', text: renewCompose(compose) },
  ]
}

function renderPage(): string {
  const settingRows = Object.entries(settings).map(([name, setting]) => {
    const { help, kind, readBy } = setting
    return tableRow([`\`${name}\``, readBy.join(', '), defaultsOf(setting), help, kind.takes])
  })
  return `<!-- Written by packages/runtime/src/settings/generate.ts from the table beside it: change the table, not this file. -->

# Settings

Settings come from the environment alone. Any of them can be given as \`NAME_FILE\` instead: the path of a regular file
with its value. A wrong value stops the start with one line that names it. \`--help\` shows the settings of a program.

| program | what it does |
|---|---|
${Object.entries(programs)
  .map(([name, { command, does }]) => tableRow([name, `${does} \`${command}\``]))
  .join('')}
| setting | read by | default | what it is | takes |
|---|---|---|---|---|
${settingRows.join('')}`
}

/** One default where all programs have the same, else each default with its programs. */
function defaultsOf(setting: AnySetting): string {
  const readers = Map.groupBy(setting.readBy, (program) => describeDefault(setting, program))
  const parts = [...readers].map(([words, programs]) => ({ words, programs: programs.join(', ') }))
  if (parts.length === 1) return parts[0]!.words
  return parts.map(({ words, programs }) => `${programs}: ${words}`).join('; ')
}

function tableRow(cells: string[]): string {
  return `| ${cells.join(' | ')} |\n`
}

/** Values in .env.example of settings that have no default. */
const examples: Record<string, string> = {
  REDIS_URL: 'redis://127.0.0.1:6379',
  DATABASE_URL: 'postgres://vss:vss@127.0.0.1:5432/vss',
  BODY_RETENTION_DAYS: '90',
  LEDGER_RETENTION_DAYS: '400',
  SESSION_RETENTION_DAYS: '400',
}

function renderExample(): string {
  const lines = services.map(exampleLines)
  // OPS_PORT is not shared: its default differs, so each of the services has its own line.
  const isShared = (line: string) => lines.filter((ofService) => ofService.includes(line)).length > 1
  const shared = new Set(lines.flat().filter(isShared))
  const sections = services.map((service, index) => {
    const own = lines[index]!.filter((line) => !shared.has(line))
    return `# ${service[0]!.toUpperCase()}${service.slice(1)}\n\n${own.join('')}`
  })
  return `# Settings of ingest, worker and console, with their defaults where they have any. Written by
# packages/runtime/src/settings/generate.ts. docs/settings.md says more.
#
# Compose reads a copy of this file that is named .env. Set DATABASE_URL and REDIS_URL there to use servers of your own
# instead of those in docker-compose.yml. HOST, PORT, CONSOLE_PORT, OPS_HOST and OPS_PORT are fixed in the containers.
# ALLOW_UNAUTHENTICATED is true there, which has no effect where WEBHOOK_SECRETS is set.

# More than one service

${[...shared].join('')}
${sections.join('\n')}
# Compose only

# Where ingest is published: a port, an address and a port, or a range of ports for --scale ingest=2.
#INGEST_PORT=127.0.0.1:8080
# The password of the bundled Postgres' superuser, when its volume is new, and of the role of migrate.
#POSTGRES_PASSWORD=vss
# The password of the role of the workers, which may only write.
#WORKER_POSTGRES_PASSWORD=vss
# The password of the role of the console, which may read alone.
#CONSOLE_POSTGRES_PASSWORD=vss
# The password of the role in OPERATOR_DATABASE_URL, which may change rows.
#OPERATOR_POSTGRES_PASSWORD=
# Where the console is published: a port, or an address and a port.
#CONSOLE_PUBLISHED=127.0.0.1:8090
# The memory of the bundled Redis. From 85 % of it on, ingest spools, and answers 503 when the spool is full.
#REDIS_MAXMEMORY=512mb
# It must be longer than SHUTDOWN_TIMEOUT_MS.
#STOP_GRACE_PERIOD=30s
# Where the profile "observability" is published, and the password of Grafana's user admin, when its volume is new.
#PROMETHEUS_PORT=127.0.0.1:9090
#GRAFANA_PORT=127.0.0.1:3000
#GRAFANA_PASSWORD=admin
`
}

function exampleLines(service: Service): string[] {
  return settingNames(service).map((name) => {
    const setting: AnySetting = settings[name]
    const value = examples[name] ?? literalDefault(setting, service)
    return `${wrap(setting.help, { margin: '# ', columns: 118 })}\n#${name}=${value}\n`
  })
}

/** The default as a text that could be set; empty where the default is no value of its own. */
function literalDefault(setting: AnySetting, program: Program): string {
  const value = defaultFor(setting, program)
  return isNone(value) || isSameAs(value) ? '' : String(value ?? '')
}

/** Renews the names without a value in the `environment` of each service: compose takes those from .env or the shell. */
function renewCompose(compose: string): string {
  return services.reduce((text, service) => {
    const command = `command: [${programs[service].command.replace(' ', ', ')}]\n`
    const start = text.indexOf(command)
    if (start < 0) throw new Error(`docker-compose.yml has no "${command.trim()}": it has one for ${service}`)
    const end = text.indexOf('\n\n', start)
    const block = text.slice(start, end)
    const given = [...block.matchAll(/^ {6}([A-Z_]+): /gm)].map((match) => match[1])
    const names = settingNames(service).filter(
      (name) => !given.includes(name) && !fixedInContainers.includes(name),
    )
    const renewed = block.replace(
      /(?:\n {6}[A-Z_]+:(?=\n|$))+/,
      names.map((name) => `\n      ${name}:`).join(''),
    )
    return text.slice(0, start) + renewed + text.slice(end)
  }, compose)
}

if (import.meta.main) main()
