import { pipelineVersion } from '@vss-pipeline/runtime'
import { expect, it } from 'vitest'
import { vss } from '../../support/vss-command.ts'

it('prints its version', async () => {
  expect(await vss(['--version'])).toEqual({ exitCode: 0, stdout: `${pipelineVersion}\n`, stderr: '' })
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
    'vss: --database-url names several hosts, and not which of them it wants: it takes target_session_attrs=read-write as well\n',
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
    ['consumers', 'list', '+12025550123'],
    "vss: too many arguments for 'list'. Expected 0 arguments but got 1: … (see --help)\n",
  ],
  [
    // A subcommand is forgotten, and a number takes its place.
    ['sessions', '+12025550123'],
    "vss: unknown command '…' (see --help)\n",
  ],
  [
    ['tail', '--consumer', 'x'.repeat(101), '--database-url', 'postgres://vss:geheim@127.0.0.1:1/vss'],
    'vss: consumer has 101 characters: it takes 1 to 100\n',
  ],
  [
    ['webhook', 'register', '--sub-account', 'acme', '--url', 'https://user:geheim@example.com/'],
    "vss: option '--url <url>' argument 'https://…@example.com/' is invalid. It takes a URL without user name, password and fragment (see --help)\n",
  ],
  [['webhook', 'list'], "vss: required option '--sub-account <id>' not specified (see --help)\n"],
  [
    ['migrate'],
    'vss: DATABASE_URL is not set: it takes a URL that begins with postgres:// or postgresql://\n',
  ],
])('says in one line what is wrong with "vss %s"', async (args, stderr) => {
  expect(await vss(args)).toEqual({ exitCode: 2, stdout: '', stderr })
})

it('does not show a secret that it cannot send', async () => {
  const { exitCode, stderr } = await vss(['send'], { VSS_SECRET: 'hush\nhush' })
  expect(exitCode).toBe(2)
  expect(stderr).toMatch(/^vss: the secret cannot be sent in a header: .*\n$/)
  expect(stderr).not.toContain('hush')
})
