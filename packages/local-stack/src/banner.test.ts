import { expect, test } from 'vitest'
import { renderBanner } from './banner.ts'

const options = {
  ingestUrl: 'http://127.0.0.1:8080',
  ingestOpsUrl: 'http://127.0.0.1:9464',
  workerOpsUrl: 'http://127.0.0.1:9465',
  folder: '.data',
  databaseUrlFile: '.data/database-url',
  authHeader: undefined,
}

test('the line to copy posts an example that exists to where ingest listens', () => {
  expect(renderBanner(options)).toContain(
    "  curl -w '\\n' --data-binary @test/fixtures/example-completed.json http://127.0.0.1:8080/webhooks/vss\n",
  )
})

test('the line to copy carries the header that ingest asks for', () => {
  expect(renderBanner({ ...options, authHeader: 'x-secret' })).toContain("curl -w '\\n' -H 'x-secret: ")
})

test('the row is shown by psql where there is one, else by vss', () => {
  expect(renderBanner(options)).toMatch(
    / {2}(psql "\$\(cat \.data\/database-url\)" |npx vss sessions show ).*1f048a84-ea6d-11ee-911b-078f7290bf52/,
  )
})
