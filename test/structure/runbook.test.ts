import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { withoutCode } from './headings.ts'

const projectRoot = resolve(import.meta.dirname, '..', '..')

/** Redis and Postgres say these. */
const wordsOfServers = ['No space left on device', 'too many clients']

test('docs/runbook.md quotes words that the programs say', () => {
  const page = withoutCode(readFileSync(join(projectRoot, 'docs/runbook.md'), 'utf8'))
  const quoted = [...page.matchAll(/`([^`]+)`/g)].map(([, text]) => text!.replaceAll(/\s+/g, ' '))
  const words = quoted.filter((text) => text.includes(' ') && !/^(npx|redis-cli|SELECT) /.test(text))
  const said = ['packages', 'services']
    .flatMap(sourcesIn)
    .map((file) => readFileSync(file, 'utf8').toLowerCase())
    .join('\n')

  expect(words.length).toBeGreaterThan(20)
  const unsaid = words.filter((text) => !wordsOfServers.includes(text) && !said.includes(text.toLowerCase()))
  expect(unsaid).toEqual([])
})

function sourcesIn(folder: string): string[] {
  return readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\/src\/.*(?<!\.test)\.ts$/.test(file) && !file.includes('node_modules/'))
    .map((file) => join(projectRoot, folder, file))
}
