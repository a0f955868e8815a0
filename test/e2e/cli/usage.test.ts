import { pipelineVersion } from '@vss-pipeline/runtime'
import { expect, it } from 'vitest'
import { linesOver80Columns, vss } from '../../support/vss-command.ts'

it('prints its version', async () => {
  expect(await vss(['--version'])).toEqual({ exitCode: 0, stdout: `${pipelineVersion}\n`, stderr: '' })
})

it.each([
  [[], ['send', 'migrate', 'status', 'sessions', 'tail', 'consumers', 'feed', 'ingests', 'drift']],
  [['send'], ['--count', '--days', '--dirty', '--ids', '--concurrency']],
  [['migrate'], ['--database-url']],
  [['status'], ['--since', '--watch', '--json', '--redis-url', 'Exit code 0']],
  [
    ['sessions', 'show'],
    ['--json', '--database-url'],
  ],
  [
    ['sessions', 'find'],
    ['--number', '--request-id', '--call-id', '--sub-account', '--status', '--anomaly', '--since', '--limit'],
  ],
  [['tail'], ['--consumer', '--from', '--format', '--max', '--database-url']],
  [
    ['consumers', 'list'],
    ['--json', '--database-url'],
  ],
  [
    ['consumers', 'remove'],
    ['--yes', '--dry-run', '--json', '--database-url'],
  ],
  [
    ['ingests', 'list'],
    ['--json', '--database-url'],
  ],
  [
    ['ingests', 'forget'],
    ['--yes', '--dry-run', '--json', '--redis-url', '--queue-prefix'],
  ],
  [
    ['feed', 'continue'],
    ['--json', '--database-url'],
  ],
  [['drift'], ['--since', '--json', '--database-url']],
  [
    ['feed', 'restart'],
    ['--yes', '--dry-run', '--json', '--database-url'],
  ],
])('explains "vss %s" with examples', async (args, mentioned) => {
  const { exitCode, stdout } = await vss([...args, '--help'])
  expect(exitCode).toBe(0)
  expect(stdout).toContain('Examples:\n')
  for (const word of mentioned) expect(stdout).toContain(word)
  expect(linesOver80Columns(stdout)).toEqual([])
})

it.each([
  [['frobnicate'], "vss: unknown command 'frobnicate' (see --help)\n"],
  [['send', '--cuont', '3'], "vss: unknown option '--cuont' (Did you mean --count?) (see --help)\n"],
  [
    ['send', '--count', '0'],
    "vss: option '--count <number>' argument '0' is invalid. It takes a whole number from 1 to 1000000000 (see --help)\n",
  ],
  [
    ['send', '--days', '0'],
    "vss: option '--days <number>' argument '0' is invalid. It takes a whole number from 1 to 400 (see --help)\n",
  ],
  [
    ['send', '--file', 'a', '--count', '3'],
    "vss: option '--file <path>' cannot be used with option '--count <number>' (see --help)\n",
  ],
  [
    ['send', '--file', '/nonexistent'],
    'vss: cannot read "/nonexistent" (ENOENT): --file takes the path of a readable file\n',
  ],
  [
    ['send', '--ids', '/nonexistent/ids'],
    'vss: cannot write "/nonexistent/ids" (ENOENT): --ids takes the path of a file to write\n',
  ],
  [
    ['tail', '--from', 'yesterday'],
    "vss: option '--from <place>' argument 'yesterday' is invalid. It takes beginning, now, or a cursor as it was printed (see --help)\n",
  ],
  [
    ['migrate', '--database-url', 'postgres://vss:geheim@one:5432,two:5432/vss'],
    'vss: --database-url names several hosts: it takes one, such as an address that follows the primary\n',
  ],
  [
    ['migrate', '--database-url', 'postgres://vss:geheim@127.0.0.1:1/vss?sslrootcert=/nonexistent/ca.pem'],
    'vss: --database-url: cannot read sslrootcert "/nonexistent/ca.pem" (ENOENT): it takes the path of a readable file\n',
  ],
  [
    ['migrate', '--database-url', 'postgres://vss:geheim@127.0.0.1/vss?port=99999'],
    'vss: --database-url: port is "99999": it takes a whole number from 0 to 65535\n',
  ],
  [
    ['sessions', 'find', '--since', '2026-02-30'],
    "vss: option '--since <time>' argument '2026-02-30' is invalid. It takes a time, such as 2026-03-01, 2026-03-01T09:30Z, or 2h for two hours ago (see --help)\n",
  ],
  [
    ['migrate'],
    'vss: DATABASE_URL is not set: it takes a URL that begins with postgres:// or postgresql://\n',
  ],
])('says in one line what is wrong with "vss %s"', async (args, stderr) => {
  expect(await vss(args)).toEqual({ exitCode: 1, stdout: '', stderr })
})

it('does not show a secret that it cannot send', async () => {
  const { exitCode, stderr } = await vss(['send'], { VSS_SECRET: 'hush\nhush' })
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^vss: the secret cannot be sent in a header: .*\n$/)
  expect(stderr).not.toContain('hush')
})
