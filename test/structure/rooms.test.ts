import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const projectRoot = resolve(import.meta.dirname, '..', '..')

/** The packages, lowest first. Each may import only the ones before it. Services may import all of them. */
const packagesByHeight = [
  'runtime',
  'delivery',
  'vss',
  'generator',
  'queue',
  'storage',
  'reader',
  'pipeline',
  'local-stack',
]

const rooms = ['packages', 'services'].flatMap((parent) =>
  readdirSync(join(projectRoot, parent)).map((name) => `${parent}/${name}`),
)

test.each(rooms)('%s imports only packages below it', (room) => {
  const name = room.split('/')[1] ?? ''
  const height = packagesByHeight.indexOf(name)
  expect(room.startsWith('services/') || height >= 0, `${room} has a place in this list`).toBe(true)
  const allowed = height < 0 ? packagesByHeight : packagesByHeight.slice(0, height)
  const imported = importsOf(room)
    .filter((specifier) => specifier.startsWith('@vss-pipeline/'))
    .map((specifier) => specifier.split('/')[1])
  expect(imported.filter((other) => !allowed.includes(other ?? ''))).toEqual([])
})

test.each(rooms)('%s names its imports in its package.json, and no other packages', (room) => {
  const manifest = JSON.parse(readFileSync(join(projectRoot, room, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const imported = importsOf(room).filter((specifier) => !/^(\.|node:)/.test(specifier))
  const packages = new Set(imported.map(packageOf))
  expect(Object.keys(manifest.dependencies).sort()).toEqual([...packages].sort())
})

test('programs that read no events load no numbering plans: only the pipeline imports more than the vocabulary', () => {
  const strays = ['queue', 'storage', 'reader'].flatMap((name) => {
    const folder = join(projectRoot, 'packages', name, 'src')
    return filesOf(folder)
      .filter((file) => !file.endsWith('.test.ts'))
      .filter((file) => importsValuesOf('@vss-pipeline/vss', readFileSync(join(folder, file), 'utf8')))
      .map((file) => `${name}/${file}`)
  })
  expect(strays).toEqual([])
})

/** Whether a source imports anything but types from that package. */
function importsValuesOf(name: string, source: string): boolean {
  const imports = source.matchAll(/^(?:import|export) (type )?\{?([^}']*)\}? from '([^']+)'/gm)
  return [...imports].some(
    ([, type, names = '', from]) =>
      from === name && type === undefined && names.split(',').some((one) => !/^\s*(type |$)/.test(one)),
  )
}

test.each(rooms)('%s reaches into no other folder', (room) => {
  const outside = importsOf(room).filter(
    (specifier) => specifier.startsWith('../../') && !specifier.endsWith('/package.json'),
  )
  expect(outside).toEqual([])
})

/** Everything that the programs of a room import or resolve, without its tests and their fixtures. */
function importsOf(room: string): string[] {
  const folder = join(projectRoot, room, 'src')
  return filesOf(folder)
    .filter((file) => !/\.(test|fixture)\.ts$/.test(file))
    .flatMap((file) => specifiersIn(join(folder, file)))
}

/** The source files below a folder, by their paths from there. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
}

function specifiersIn(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(importSpecifier)].map((match) => match[1] ?? '')
}

const importSpecifier = /(?:\bfrom |\bimport ?\(|\bimport |\bresolve\()'([^'\n]+)'/g

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

test('tests wait in one way: by `until`, whose error says what did not happen', () => {
  const folders = ['test', 'packages', 'services'].map((name) => join(projectRoot, name))
  const strays = folders.flatMap((folder) =>
    filesOf(folder)
      .map((file) => join(folder, file))
      .filter((file) => !file.includes('/node_modules/') && file !== import.meta.filename)
      .filter((file) => /\bvi\s*\.wait(For|Until)\(|\bexpect\s*\.poll\(/.test(readFileSync(file, 'utf8')))
      .map((file) => relative(projectRoot, file)),
  )
  expect(strays).toEqual([])
})

test('tests import their helpers from their own folder or test/support, never from another suite', () => {
  const strays = filesOf(join(projectRoot, 'test')).flatMap((file) => {
    const suite = file.split('/')[0] ?? ''
    return specifiersIn(join(projectRoot, 'test', file))
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => relative('test', join('test', file, '..', specifier)))
      .filter(
        (imported) => !imported.startsWith('..') && ![suite, 'support'].includes(imported.split('/')[0]!),
      )
      .map((imported) => `${file} imports ${imported}`)
  })
  expect(strays).toEqual([])
})
