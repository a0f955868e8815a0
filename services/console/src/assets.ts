import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Context, Hono } from 'hono'
import type { ConsoleEnv } from './guards.ts'

const types = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
} as const

/** The files that pages load, by the name in their address. Libraries come from their packages as they are. */
const sources = {
  'console.css': [new URL('../assets/console.css', import.meta.url).href],
  'console.js': [new URL('../assets/console.js', import.meta.url).href],
  'icon.svg': [new URL('../assets/icon.svg', import.meta.url).href],
  // One file: htmx starts by a timer, and would not know an extension that comes later.
  'htmx.js': [
    import.meta.resolve('htmx.org/dist/htmx.min.js'),
    import.meta.resolve('htmx.org/dist/ext/hx-sse.min.js'),
  ],
  'uplot.js': [import.meta.resolve('uplot/dist/uPlot.iife.min.js')],
  'uplot.css': [import.meta.resolve('uplot/dist/uPlot.min.css')],
} as const

export type AssetName = keyof typeof sources

export interface Assets {
  /** The address of a file. It changes with the file's content, so that a browser may keep it for ever. */
  urlOf(name: AssetName): string
  serve(app: Hono<ConsoleEnv>): void
}

/** Reads the files that pages load, once. */
export function loadAssets(): Assets {
  const files = new Map<string, { name: string; content: Buffer; type: string }>(
    Object.entries(sources).map(([name, parts]) => {
      const content = Buffer.from(parts.map((href) => readFileSync(fileURLToPath(href), 'utf8')).join('\n'))
      const version = createHash('sha256').update(content).digest('hex').slice(0, 12)
      const type = types[name.split('.').at(-1) as keyof typeof types]
      return [`/assets/${version}/${name}`, { name, content, type }] as const
    }),
  )
  const urls = new Map([...files].map(([url, { name }]) => [name, url]))

  function answerAsset(c: Context<ConsoleEnv>): Response {
    const file = files.get(c.req.path)
    if (file === undefined) return c.notFound() as Response
    return c.body(new Uint8Array(file.content), 200, {
      'Content-Type': file.type,
      'Cache-Control': 'public, max-age=31536000, immutable',
    })
  }
  return {
    urlOf: (name) => urls.get(name)!,
    serve: (app) => app.get('/assets/*', answerAsset),
  }
}
