import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const projectRoot = resolve(import.meta.dirname, '..', '..')

/**
 * A sentence that opens so has a clause for its subject. The reader must keep the clause in mind until the verb comes,
 * or finds no verb at all: "For how long a spool that has just refused counts as one that will".
 */
const opening =
  /^(what|whatever|who|whoever|whom|whose|which|those (of|that|who|whose|which)|that of|(at|by|for|from|in|of|on|to|with) (what|whatever|how|whom|which|whose))\b/i

const sources = ['packages', 'services', 'examples', 'test'].flatMap((folder) => filesOf(folder, '.ts'))
const pages = [...filesOf('docs', '.md'), ...filesOf('examples', '.md'), 'README.md', 'CONTRIBUTING.md']

test('the sentences of comments and pages open with their subject', () => {
  const parts = [
    ...sources.map((file) => ({ file, texts: commentsIn(read(file)) })),
    ...pages.map((file) => ({ file, texts: partsOfPage(read(file)) })),
  ]
  const riddles = parts.flatMap(({ file, texts }) =>
    texts.flatMap(riddlesIn).map((riddle) => `${file}: ${riddle}`),
  )
  expect(riddles).toEqual([])
})

test('constants are named in camelCase', () => {
  const shouted = sources.flatMap((file) =>
    [...read(file).matchAll(/\bconst [A-Z][A-Z\d_]+\b/g)].map(([found]) => `${file}: ${found}`),
  )
  expect(shouted).toEqual([])
})

test('a comment is found with its sentences, over lines and behind tags', () => {
  const source = `
/**
 * What a peer does: it stores. Whose rows
 * are counted.
 *
 * @param text what is read
 * @returns those that are left; none at the end. @throws Error
 */
const url = 'https://example.com/what' // For how long it lasts.
// Two lines
// are one comment. Who
// comes first wins.
const query = \`SELECT '/* What is no comment. */'\``
  const found = commentsIn(source).flatMap(sentencesOf)
  expect(found.filter(isRiddle)).toEqual([
    'What a peer does: it stores.',
    'Whose rows are counted.',
    'what is read',
    'those that are left; none at the end.',
    'For how long it lasts.',
    'Who comes first wins.',
  ])
  expect(found).toContain('Two lines are one comment.')
})

test('a page is read without its code, its headings and the heads of its tables', () => {
  const page = `
# What it is

| what | why |
|---|---|
| a row | What it costs. |

\`\`\`sh
What is code
\`\`\`

- **Who asks.** It is
  told.
- Nothing. Those of
  today stay.
`
  expect(partsOfPage(page).flatMap(riddlesIn)).toEqual([
    'What it costs.',
    'Who asks.',
    'Those of today stay.',
  ])
})

test.each([
  'What came first?',
  'Those are kept.',
  'Whether a port is free.',
  'For each of them there is one.',
  'By then it has ended.',
  'The caller knows what it asked for.',
])('%s is plain', (sentence) => {
  expect(riddlesIn(sentence)).toEqual([])
})

function riddlesIn(text: string): string[] {
  return sentencesOf(text).filter(isRiddle)
}

function isRiddle(sentence: string): boolean {
  return opening.test(sentence) && !sentence.endsWith('?')
}

/** Files below a folder, by their paths from the project's root. */
function filesOf(folder: string, extension: string): string[] {
  return readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(extension) && !file.includes('node_modules/'))
    .map((file) => `${folder}/${file}`)
}

function read(file: string): string {
  return readFileSync(join(projectRoot, file), 'utf8')
}

/** Strings come first, so that what looks like a comment inside them is passed over. */
const stringOrComment =
  /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*(?:\n[ \t]*\/\/[^\n]*)*/g

/** The comments of a TypeScript source without their marks: a tag begins a line of its own, and lacks its name. */
function commentsIn(source: string): string[] {
  return [...source.matchAll(stringOrComment)]
    .map(([found]) => found)
    .filter((found) => found.startsWith('/'))
    .map((comment) =>
      comment
        .replaceAll(/^[ \t]*(\/\*+|\*\/|\*|\/\/)[ \t]?|\*\/$/gm, '')
        .replaceAll(/(^|\s)@(param [\w.]+|\w+) */g, '\n\n'),
    )
}

/** The paragraphs, list items and table cells of a Markdown page. */
function partsOfPage(page: string): string[] {
  const lines = page.replaceAll(/^```[\s\S]*?^```/gm, '').split('\n')
  return lines
    .filter((line, index) => !/^#|^\|[-:| ]+\|$/.test(line) && !/^\|[-:| ]+\|$/.test(lines[index + 1] ?? ''))
    .join('\n')
    .replaceAll(/^\|.*\|$/gm, (row) => row.split('|').join('\n\n'))
    .split(/\n(?=\s*[-*] |\s*\d+\. )|\n\n/)
    .map((part) => part.replaceAll(/^\s*([-*]|\d+\.) |\*\*/g, ''))
}

/** A sentence ends before a capital letter, or with its paragraph. */
function sentencesOf(text: string): string[] {
  return text
    .split(/\n\s*\n|\n(?=\s*- )/)
    .flatMap((paragraph) =>
      paragraph
        .replaceAll(/\s+/g, ' ')
        .trim()
        .replace(/^- /, '')
        .split(/(?<=[.!?])\s+(?=[A-Z])/),
    )
    .filter((sentence) => sentence !== '')
}
