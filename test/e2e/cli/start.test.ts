import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const main = join(import.meta.dirname, '../../../services/cli/src/main.ts')

/** Names on standard error every package of node_modules that the program has imported. */
const listImported = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  const names = new Set()
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context)
      const name = /.*[/]node_modules[/]((?:@[^/]+[/])?[^/]+)/.exec(resolved.url)?.[1]
      if (name !== undefined) names.add(name)
      return resolved
    },
  })
  process.on('exit', () => process.stderr.write(JSON.stringify([...names])))
`)}`

async function packagesImportedBy(...args: string[]): Promise<string[]> {
  const { stderr } = await promisify(execFile)(process.execPath, ['--import', listImported, main, ...args])
  return JSON.parse(stderr) as string[]
}

it.each(['--version', '--help'])(
  'vss %s loads commander and no other package, so that it starts at once',
  async (option) => {
    expect(await packagesImportedBy(option)).toEqual(['commander'])
  },
)
