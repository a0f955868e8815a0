import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { settings } from '@vss-pipeline/runtime'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { renderFiles } from '../../packages/runtime/src/settings/generate.ts'
import { renderHelp } from '../../packages/runtime/src/settings/help.ts'
import { type Program, programs } from '../../packages/runtime/src/settings/programs.ts'
import { settingNames } from '../../packages/runtime/src/settings/read-settings.ts'
import { type AnySetting, defaultFor, isSameAs } from '../../packages/runtime/src/settings/setting.ts'

const projectRoot = resolve(import.meta.dirname, '..', '..')
const programNames = Object.keys(programs) as Program[]
const rows: [string, AnySetting][] = Object.entries(settings)

describe('the table', () => {
  test.each(rows)('%s has a default that its kind takes, for programs that read it', (name, setting) => {
    for (const program of setting.readBy) {
      const value = defaultFor(setting, program)
      if (isSameAs(value)) {
        expect(settingNames(program)).toContain(value.sameAs)
      } else if (typeof value !== 'object' && value !== undefined) {
        expect(setting.kind.read({ name, text: String(value) })).toBe(value)
      }
    }
  })

  test.each(programNames)('%s has help of 80 columns at most, and its program is there', (program) => {
    const help = renderHelp(program)
    expect(help.split('\n').filter((line) => line.length > 80)).toEqual([])
    for (const name of settingNames(program)) expect(help).toMatch(new RegExp(`^${name} \\(.+\\)$`, 'm'))
    const [command, file = ''] = programs[program].command.split(' ')
    if (command === 'node') expect(existsSync(join(projectRoot, file))).toBe(true)
  })
})

test.each(renderFiles())(
  '$path is as the table has it (else: node packages/runtime/src/settings/generate.ts)',
  ({ path, text }) => {
    expect(readFileSync(join(projectRoot, path), 'utf8')).toBe(text)
  },
)

test('.env.example has the variables of compose alone, with the defaults that docker-compose.yml has', () => {
  const example = readFileSync(join(projectRoot, '.env.example'), 'utf8')
  const [, ofCompose = ''] = example.split('# Compose only\n')
  const documented = [...ofCompose.matchAll(/^#([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value])
  const compose = readFileSync(join(projectRoot, 'docker-compose.yml'), 'utf8')
  const used = [...compose.matchAll(/(?<!\$)\$\{([A-Z_]+):-([^}]*)\}/g)].map(([, name, value]) => [
    name,
    value,
  ])
  const ownOfCompose = used.filter(([name = '']) => !(name in settings))
  expect(new Set(ownOfCompose.map(String))).toEqual(new Set(documented.map(String)))
})

/** The values that a container's environment has, by the setting; `${NAME:-value}` is `value`. */
type Values = Record<string, string | number | null>

/** Postgres' own, for a URL without a password. */
const ofLibraries = ['PGPASSWORD']

/** In the container of migrate people run the command vss. */
const furtherReaders: { [Name in Program]?: string[] } = { migrate: settingNames('vss') }

/** For a first try anyone may post to the containers of compose. */
const otherInCompose: Values = { ALLOW_UNAUTHENTICATED: 'true' }

function checkValues(program: Program, values: Values, others: Values = {}): void {
  const names = Object.keys(values).map((name) => name.replace(/_FILE$/, ''))
  const read: string[] = [...settingNames(program), ...(furtherReaders[program] ?? []), ...ofLibraries]
  expect(names.filter((name) => !read.includes(name))).toEqual([])
  for (const [name, value] of Object.entries(values)) {
    const setting: AnySetting | undefined = settings[name as keyof typeof settings]
    const usual = setting && defaultFor(setting, program)
    const isLiteral = usual !== undefined && (typeof usual !== 'object' || Array.isArray(usual))
    if (value === null || !isLiteral) continue
    const given = String(value).replace(/^\$\{[A-Z_]+:-(.*)\}$/, '$1')
    expect(given, name).toBe(String(others[name] ?? usual))
  }
}

describe('docker-compose.yml', () => {
  const text = readFileSync(join(projectRoot, 'docker-compose.yml'), 'utf8')
  const compose = parse(text, { merge: true }) as {
    services: Record<string, { environment: Values; ports: string[]; stop_grace_period: string }>
  }

  test.each(['ingest', 'worker', 'console', 'migrate'] as const)(
    'gives %s settings that it reads',
    (program) => {
      checkValues(program, compose.services[program]!.environment, otherInCompose)
    },
  )

  test('publishes the ports that ingest and the console listen on, and stops no service before its time', () => {
    expect(compose.services.ingest!.ports).toEqual([
      `\${INGEST_PORT:-127.0.0.1:${settings.PORT.default}}:${settings.PORT.default}`,
    ])
    expect(compose.services.console!.ports).toEqual([
      `\${CONSOLE_PUBLISHED:-127.0.0.1:${settings.CONSOLE_PORT.default}}:${settings.CONSOLE_PORT.default}`,
    ])
    const [, graceSeconds] = /:-(\d+)s\}$/.exec(compose.services.worker!.stop_grace_period) ?? []
    expect(Number(graceSeconds) * 1_000).toBeGreaterThan(settings.SHUTDOWN_TIMEOUT_MS.default)
  })

  test.each(['ingest', 'worker', 'console', 'migrate'] as const)(
    'with secrets in files gives %s what it reads',
    (program) => {
      const overlay = parse(readFileSync(join(projectRoot, 'deploy', 'compose', 'secrets.yml'), 'utf8'))
      const { ALLOW_UNAUTHENTICATED: _asOutsideCompose, ...values } = overlay.services[program].environment
      checkValues(program, values)
    },
  )
})

describe('deploy/kubernetes/base', () => {
  const folder = join(projectRoot, 'deploy', 'kubernetes', 'base')
  const manifests = readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .flatMap((file) => parseAllDocuments(readFileSync(join(folder, file), 'utf8'), { version: '1.1' }))
    .map((document) => document.toJS())
  const configMap: Values = manifests.find(({ kind }) => kind === 'ConfigMap').data
  const templates = manifests.flatMap(({ spec }) => spec?.template ?? [])

  test.each(['ingest', 'worker', 'console', 'migrate'] as const)(
    'gives %s settings that it reads',
    (program) => {
      const container = containerOf(program)
      const entries = container.env.map(({ name, value }: { name: string; value: string }) => [name, value])
      checkValues(program, Object.fromEntries(entries))
    },
  )

  test('has settings for all services, as they are by default', () => {
    const read: string[] = [...settingNames('ingest'), ...settingNames('worker'), ...settingNames('console')]
    expect(Object.keys(configMap).filter((name) => !read.includes(name))).toEqual([])
    const ofIngest = Object.entries(configMap).filter(([name]) =>
      (settingNames('ingest') as string[]).includes(name),
    )
    checkValues('ingest', Object.fromEntries(ofIngest))
  })

  test.each(['ingest', 'worker', 'console'] as const)(
    'has the ports of %s, and does not stop it before its time',
    (program) => {
      const ports: { name: string; containerPort: number }[] = containerOf(program).ports
      const portOf = Object.fromEntries(ports.map(({ name, containerPort }) => [name, containerPort]))
      expect(portOf).toEqual({
        ...(program === 'ingest' && { http: settings.PORT.default }),
        ...(program === 'console' && { http: settings.CONSOLE_PORT.default }),
        ops: settings.OPS_PORT.default[program],
      })
      expect(templateOf(program).metadata.annotations['prometheus.io/port']).toBe(String(portOf.ops))
      const { terminationGracePeriodSeconds } = templateOf(program).spec
      expect(terminationGracePeriodSeconds * 1_000).toBeGreaterThan(settings.SHUTDOWN_TIMEOUT_MS.default)
    },
  )

  function templateOf(program: Program) {
    return templates.find(({ spec }) => spec.containers[0].name === program)
  }

  function containerOf(program: Program) {
    return templateOf(program).spec.containers[0]
  }
})

/** Where programs begin: they read the environment, and hand it on. */
const entryPoints = [
  'packages/local-stack/src/demo.ts',
  'packages/local-stack/src/start.ts',
  'packages/storage/src/migrate.ts',
  'services/cli/src/main.ts',
  'services/console/src/main.ts',
  'services/ingest/src/main.ts',
  'services/worker/src/main.ts',
]

/** They look for programs on the PATH, or start some that are no services, with the environment of this process. */
const starters = ['apt.ts', 'path-search.ts', 'postgres.ts', 'process-record.ts'].map(
  (file) => `packages/local-stack/src/${file}`,
)

test('settings are read where a program begins, and nowhere else', () => {
  const files = ['packages', 'services'].flatMap((parent) =>
    readdirSync(join(projectRoot, parent), { recursive: true, encoding: 'utf8' })
      .map((file) => `${parent}/${file}`)
      .filter((file) => /\/src\/.*(?<!\.test)\.ts$/.test(file) && !file.includes('node_modules')),
  )
  const readers = files.filter((file) =>
    /process\.env\b|from 'node:process'/.test(readFileSync(join(projectRoot, file), 'utf8')),
  )
  expect(readers.toSorted()).toEqual([...entryPoints, ...starters].toSorted())
})
