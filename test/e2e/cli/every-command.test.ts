import type { Command } from 'commander'
import { beforeAll, describe, expect, inject, it, test } from 'vitest'
import { createProgram } from '../../../services/cli/src/program.ts'
import { freshPrefix } from '../../support/batches.ts'
import { createEmptyDatabase, createTestDatabase } from '../../support/databases.ts'
import { linesOver80Columns, type VssEnv, type VssResult, vss } from '../../support/vss-command.ts'

type Server = 'redis' | 'postgres' | 'webhooks API'

/** How a command is tried. */
interface Trial {
  /** The arguments that it needs beside its name. */
  args?: string[]
  /** The servers without which it fails, in the order in which it asks them. */
  needs?: Server[]
  hasJson?: false
  /** It goes on when Postgres is back, instead of failing. */
  waitsForPostgres?: true
  /** It works on a database without schema vss. */
  needsNoSchema?: true
}

const uuid = '1f048a84-ea6d-11ee-911b-078f7290bf52'
const deliveryId = '019a5c7e-5f3a-7cc4-8f0e-0123456789ab'
const acme = ['--sub-account', 'acme']

/** Every command. A new one gets a row here. */
const trials: Record<string, Trial> = {
  send: { args: ['--count', '1', '--url', 'http://127.0.0.1:1/'] },
  migrate: { needs: ['postgres'], hasJson: false, needsNoSchema: true },
  status: { needs: ['redis', 'postgres'] },
  doctor: { needs: ['redis', 'postgres'] },
  'sessions find': { args: ['--number', '+12025550123'], needs: ['postgres'] },
  'sessions show': { args: [uuid], needs: ['postgres'] },
  tail: { args: ['--max', '1'], needs: ['postgres'], hasJson: false, waitsForPostgres: true },
  'consumers list': { needs: ['postgres'] },
  'consumers remove': { args: ['billing', '--yes'], needs: ['postgres'] },
  'feed continue': { needs: ['postgres'] },
  'feed restart': { args: ['--yes'], needs: ['postgres'] },
  'ingests list': { needs: ['postgres'] },
  'ingests forget': { args: ['some-id', '--yes'], needs: ['postgres'] },
  drift: { needs: ['postgres'] },
  rejected: { needs: ['postgres'] },
  'rejected show': { args: [deliveryId], needs: ['postgres'] },
  'rejected export': { needs: ['postgres'], hasJson: false },
  reprocess: { args: ['--since', '1h', '--yes'], needs: ['postgres'] },
  retention: { needs: ['postgres'] },
  capacity: { args: ['--events-per-day', '10M'] },
  'queue list': { needs: ['redis'] },
  'queue shards': { needs: ['redis'] },
  'queue pause': { args: ['--yes'], needs: ['redis'] },
  'queue resume': { args: ['--yes'], needs: ['redis'] },
  'queue retry-failed': { args: ['--yes'], needs: ['redis'] },
  'webhook list': { args: acme, needs: ['webhooks API'] },
  'webhook register': { args: [...acme, '--url', 'https://example.com/', '--yes'], needs: ['webhooks API'] },
  'webhook remove': { args: [...acme, '--yes'], needs: ['webhooks API'] },
}

const nobody = '127.0.0.1:1'
/** The servers of a command that works. Nobody is the Webhooks API. */
let env: VssEnv
let emptyDatabaseUrl: string

beforeAll(async () => {
  const database = await createTestDatabase(inject('databaseUrl'))
  const empty = await createEmptyDatabase(inject('databaseUrl'))
  emptyDatabaseUrl = empty.url
  env = {
    DATABASE_URL: database.url,
    REDIS_URL: inject('redisUrl'),
    QUEUE_PREFIX: freshPrefix(),
    VSS_API_KEY: 'geheim',
    VSS_API_URL: `http://${nobody}`,
    WEBHOOK_SECRETS: 'geheim',
  }
  return async () => {
    await database.drop()
    await empty.drop()
  }
})

test('there is a trial of every command, and of no other', () => {
  expect(Object.keys(trials).sort()).toEqual(namesOf(createProgram({})).sort())
})

test('vss --help names every command', async () => {
  const { exitCode, stdout, stderr } = await vss(['--help'])
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  for (const { name } of createProgram({}).commands.map((command) => ({ name: command.name() }))) {
    expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'))
  }
  expect(linesOver80Columns(stdout)).toEqual([])
})

test.each(['', ...groupsOf(createProgram({}))])('vss %s without a command is wrong usage', async (group) => {
  const { exitCode, stdout, stderr } = await vss(wordsOf(group))
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
  expect(stderr).toMatch(/^Usage: vss/)
})

describe.each(Object.entries(trials))('vss %s', (name, trial) => {
  const { args = [], needs = [], hasJson = true } = trial
  const words = [...wordsOf(name), ...args]
  const run = (others: VssEnv = {}, more: string[] = []) =>
    vss([...words, ...(hasJson ? ['--json'] : []), ...more], { ...env, ...others })

  it('has help with an example of its own', async () => {
    const { exitCode, stdout, stderr } = await vss([...wordsOf(name), '--help'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^Examples:\\n(  .*\\n)*?  .*vss ${name}\\b`, 'm'))
    expect(linesOver80Columns(stdout)).toEqual([])
    if (hasJson) expect(stdout).toContain('--json')
    if (stdout.includes('--yes')) expect(stdout).toContain('--dry-run')
  })

  it('exits 2 for an option that it does not have, and shows no number', async () => {
    const { exitCode, stdout, stderr } = await vss([...words, '--nubmer=+12025550123'], env)
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toMatch(/^vss: unknown option '--nubmer=…'.* \(see --help\)\n$/)
  })

  if (needs.length > 0) {
    it('exits 2 for a wrong setting', async () => {
      const wrong = { redis: 'REDIS_URL', postgres: 'DATABASE_URL', 'webhooks API': 'VSS_API_URL' }[needs[0]!]
      const { exitCode, stdout, stderr } = await run({ [wrong]: 'mysql://vss:geheim@127.0.0.1/' })
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
      expect(stderr).toMatch(new RegExp(`^vss: ${wrong} .+: it takes a URL that begins with `))
      expect(stderr).not.toContain('geheim')
    })
  }

  if (needs.includes('redis')) {
    it('fails where Redis is away, and says so', async () => {
      const result = await run({ REDIS_URL: `redis://:geheim@${nobody}` })
      expectFailure(result, `Redis is away: redis://${nobody}`, { hasJson })
    })
  }

  if (needs.includes('postgres') && !trial.waitsForPostgres) {
    it('fails where Postgres is away, and says so', async () => {
      const result = await run({ DATABASE_URL: `postgres://vss:geheim@${nobody}/vss` })
      expectFailure(result, `Postgres is away: postgres://${nobody}/vss`, { hasJson })
    })
  }

  if (needs.includes('postgres') && !trial.needsNoSchema) {
    it('fails where the database is not migrated, and says what to do', async () => {
      expectFailure(await run({ DATABASE_URL: emptyDatabaseUrl }), 'vss migrate', { hasJson })
    })
  }

  if (needs.includes('webhooks API')) {
    it('fails where 8x8 does not answer, and says so', async () => {
      expectFailure(await run(), `${nobody} (from VSS_API_URL): it cannot be reached`, { hasJson })
    })
  } else if (hasJson) {
    it('has nothing but JSON on standard output', async () => {
      const { exitCode, stdout } = await run()
      expect([0, 1]).toContain(exitCode)
      expectJsonOrNothing(stdout)
    })
  }
})

function expectFailure(result: VssResult, message: string, { hasJson }: { hasJson: boolean }): void {
  const { exitCode, stdout, stderr } = result
  expect(exitCode).toBe(1)
  expect(stdout + stderr).toContain(message)
  expect(stdout + stderr).not.toContain('geheim')
  expect(stdout + stderr).not.toMatch(/^ {4}at /m)
  if (hasJson) expectJsonOrNothing(stdout)
}

function expectJsonOrNothing(stdout: string): void {
  if (stdout !== '') JSON.parse(stdout)
}

function wordsOf(name: string): string[] {
  return name === '' ? [] : name.split(' ')
}

/** The commands that do something. */
function namesOf(command: Command): string[] {
  return command.commands.flatMap((child) => [
    ...(doesSomething(child) ? [child.name()] : []),
    ...namesOf(child).map((name) => `${child.name()} ${name}`),
  ])
}

/** The commands that only have commands. */
function groupsOf(program: Command): string[] {
  return program.commands.filter((command) => !doesSomething(command)).map((group) => group.name())
}

function doesSomething(command: Command): boolean {
  return command.commands.length === 0 || command.name() === 'rejected'
}
