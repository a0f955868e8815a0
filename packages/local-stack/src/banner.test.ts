import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { renderBanner } from './banner.ts'

const options = {
  ingestUrl: 'http://127.0.0.1:8080',
  ingestOpsUrl: 'http://127.0.0.1:9464',
  workerOpsUrl: 'http://127.0.0.1:9465',
  consoleUrl: 'http://127.0.0.1:8090',
  folder: '.data',
  databaseUrlFile: '.data/database-url',
  authHeader: undefined,
}

test('the command to copy posts an existing example to ingest', () => {
  expect(renderBanner(options)).toContain(
    `
  curl -w '\\n' --data-binary @test/fixtures/example-completed.json \\
    http://127.0.0.1:8080/webhooks/vss
`,
  )
})

test('the command to copy carries the header that ingest asks for', () => {
  expect(renderBanner({ ...options, authHeader: 'x-secret' })).toContain(
    `
  curl -w '\\n' -H 'x-secret: one of WEBHOOK_SECRETS' \\
    --data-binary @test/fixtures/example-completed.json \\
    http://127.0.0.1:8080/webhooks/vss
`,
  )
})

test.each([
  [
    'psql',
    ['psql'],
    / {2}psql "\$\(cat \.data\/database-url\)" \\\n {4}-xc "select [^;"]*'1f048a84-.{27}'"\n$/,
  ],
  ['vss where there is no psql', [], / {2}npx vss sessions show 1f048a84-.{27}\n$/],
])('the row is shown by %s', (_, programs, command) => {
  havePrograms(programs)
  expect(renderBanner(options)).toMatch(command)
})

test.each([[['psql']], [[]]])('the banner fits 80 columns when the PATH has %j', (programs) => {
  havePrograms(programs)
  const elsewhere = {
    ...options,
    folder: '/srv/vss-pipeline/data',
    databaseUrlFile: '/srv/vss-pipeline/data/database-url',
  }
  for (const authHeader of [undefined, 'authorization', 'x-webhook-secret']) {
    const lines = renderBanner({ ...elsewhere, authHeader }).split('\n')
    expect(lines.filter((line) => line.length > 80)).toEqual([])
  }
})

/** Gives the test a PATH that has only these programs. */
function havePrograms(names: string[]): void {
  const folder = mkdtempSync(join(tmpdir(), 'vss-banner-'))
  for (const name of names) writeFileSync(join(folder, name), '', { mode: 0o755 })
  vi.stubEnv('PATH', folder)
  onTestFinished(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true })
  })
}
