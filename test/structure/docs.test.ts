import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { operations } from '@vss-pipeline/runtime'
import { anomalyCodes, outcomeNames, reasonCodes } from '@vss-pipeline/vss'
import { describe, expect, test } from 'vitest'
import { headingsOf, toAnchor, withoutCode } from './headings.ts'

const projectRoot = resolve(import.meta.dirname, '..', '..')

/** Written by programs, which have their own width. */
const generatedPages = ['docs/settings.md', 'test/bench/results.md']

const writtenPages = [
  ...readdirSync(projectRoot).filter((name) => name.endsWith('.md')),
  ...filesIn('docs').filter((path) => path.endsWith('.md') && !generatedPages.includes(path)),
  ...filesIn('examples').filter((path) => path.endsWith('.md')),
]
const pages = [...writtenPages, ...generatedPages]

/** Other texts that tell people where to look. */
const furtherTexts = ['docker-compose.yml', 'Dockerfile', '.env.example', '.ci/run', ...filesIn('deploy')]

describe.each(pages)('%s', (page) => {
  const text = read(page)

  test('links to files and headings that exist', () => {
    const targets = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!)
    const local = targets.filter((target) => !/^[a-z]+:/.test(target))
    expect(local.filter((target) => !isThere(page, target))).toEqual([])
  })
})

test.each([...pages, ...furtherTexts])('%s names files and folders that exist', (file) => {
  const named = read(file).match(/(?<![\w./-])(?:packages|services|test|docs|deploy)\/[\w./-]*\w/g) ?? []
  expect(named.filter((path) => !existsSync(join(projectRoot, path)))).toEqual([])
})

test.each(writtenPages)('%s has lines of 80 columns at most, but for tables and code', (page) => {
  const lines = withoutCode(read(page)).split('\n')
  expect(lines.filter((line) => line.length > 80 && !line.startsWith('|'))).toEqual([])
})

test('the README fits on a page of 99 lines', () => {
  expect(read('README.md').trimEnd().split('\n').length).toBeLessThan(100)
})

test('the programs name pages of docs, and headings in them, that exist', () => {
  const mentions = ['packages', 'services'].flatMap(sourceFilesIn).flatMap((file) =>
    [...read(file).matchAll(/(docs\/\w+\.md)(?:, "([^"]+)")?/g)].map(([, page = '', heading]) => ({
      page,
      heading,
    })),
  )
  expect(mentions.filter(({ heading }) => heading !== undefined)).not.toEqual([])
  const wrong = mentions.filter(
    ({ page, heading }) =>
      !existsSync(join(projectRoot, page)) ||
      (heading !== undefined && !headingsOf(read(page)).includes(heading)),
  )
  expect(wrong).toEqual([])
})

test('CONTRIBUTING.md names functions that are where it says', () => {
  const named = [...read('CONTRIBUTING.md').matchAll(/`(\w+)`\s+in\s+`([\w/.-]+\.ts)`/g)]
  expect(named.length).toBeGreaterThan(9)
  const missing = named.filter(([, name = '', file = '']) => !new RegExp(`\\b${name}\\b`).test(read(file)))
  expect(missing.map(([mention]) => mention)).toEqual([])
})

test('docs/operating.md has every metric, and no other', () => {
  const sources = ['packages', 'services'].flatMap(sourceFilesIn).map(read)
  const defined = sources.flatMap((source) => source.match(/(?<=name: ')vss_\w+(?=')/g) ?? [])
  const documented = [...read('docs/operating.md').matchAll(/^\| `(vss_\w+)/gm)].map(([, name]) => name)
  expect(documented.toSorted()).toEqual([...new Set(defined)].toSorted())
})

test('docs/operating.md has every operation, and no other', () => {
  const defined = Object.keys(operations).map((name) => `vss:${name}`)
  const documented = [...read('docs/operating.md').matchAll(/^\| `(vss:\w+)` \|/gm)].map(([, name]) => name)
  expect(documented.toSorted()).toEqual(defined.toSorted())
})

test('docs/operating.md has every finding with its level, and no other', () => {
  const sources = ['packages/reader/src/findings.ts', ...filesIn('packages/reader/src/doctor')].map(read)
  const defined = sources.flatMap((source) =>
    [...source.matchAll(/code: '(\w+)',\s+level: '(\w+)'/g)].map(([, ...row]) => row),
  )
  const documented = [
    ...read('docs/operating.md').matchAll(/^\| `([a-z0-9_]+)` \| (error|warning) \|/gm),
  ].map(([, ...row]) => row)
  expect(defined).not.toEqual([])
  expect(documented.toSorted()).toEqual(defined.toSorted())
})

test('docs/consuming.md explains every outcome, reason and anomaly', () => {
  const firstCells = read('docs/consuming.md').match(/^\| `\w+`[^|]*/gm) ?? []
  const explained = firstCells.flatMap((cell) => cell.match(/\w+/g))
  const codes = [...outcomeNames, ...reasonCodes, ...anomalyCodes]
  expect(codes.filter((code) => !explained.includes(code))).toEqual([])
})

function read(path: string): string {
  return readFileSync(join(projectRoot, path), 'utf8')
}

function filesIn(folder: string): string[] {
  return readdirSync(join(projectRoot, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(projectRoot, join(entry.parentPath, entry.name)))
}

function sourceFilesIn(folder: string): string[] {
  return filesIn(folder).filter((file) => /\/src\/.*(?<!\.test)\.ts$/.test(file))
}

/** Whether a link leads somewhere from the page that has it. */
function isThere(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? page : join(dirname(page), path)
  if (!existsSync(join(projectRoot, file))) return false
  return anchor === undefined || headingsOf(read(file)).map(toAnchor).includes(anchor)
}
