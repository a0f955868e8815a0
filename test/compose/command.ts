import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'

export const projectRoot = join(import.meta.dirname, '..', '..')

/** Compose v2 where the engine has it, else docker-compose 1.29. */
export const composeCommand: readonly [program: string, ...args: string[]] =
  spawnSync('docker', ['compose', 'version']).status === 0 ? ['docker', 'compose'] : ['docker-compose']

export interface CommandResult {
  code: number
  /** Everything that the command printed: standard output, then standard error. */
  output: string
  /** Standard output alone: compose reports its own progress on standard error. */
  stdout: string
}

export interface ComposeOptions {
  env?: NodeJS.ProcessEnv
  /** Compose files on top of the usual one, from the project's root. */
  files?: readonly string[]
  /** Read instead of `.env`, so that the developer's own file changes no test. */
  envFile?: string
}

/** The arguments that stand before the subcommand. */
export function composeArguments(projectName: string, options: ComposeOptions = {}): string[] {
  const { files = [], envFile = 'test/compose/empty.env' } = options
  const all = ['docker-compose.yml', 'test/compose/published-postgres.yml', ...files]
  return [
    ...['--project-name', projectName],
    ...['--env-file', join(projectRoot, envFile)],
    ...all.flatMap((file) => ['--file', join(projectRoot, file)]),
  ]
}

/** The variables that Docker needs, and `settings`. A setting of ours in this process's environment is left out. */
export function composeEnvironment(settings: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => /^(PATH|HOME|XDG_.*|DOCKER_.*)$/.test(name))
  return { ...Object.fromEntries(kept), ...settings }
}

/** Runs a compose command on `projectName`. A failure is a code in the result, never a throw. */
export async function compose(
  projectName: string,
  args: readonly string[],
  options: ComposeOptions = {},
): Promise<CommandResult> {
  const [program, ...first] = composeCommand
  return await run(program, [...first, ...composeArguments(projectName, options), ...args], options.env)
}

/** Runs a docker command. @returns its output. @throws Error with the output when the command fails. */
export async function docker(args: readonly string[]): Promise<string> {
  const { code, output } = await run('docker', args)
  if (code !== 0) throw new Error(`docker ${args[0]} failed: ${output}`)
  return output.trim()
}

async function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<CommandResult> {
  return await new Promise((resolve) => {
    const options = { cwd: projectRoot, env: composeEnvironment(env), maxBuffer: 64 * 1024 * 1024 }
    execFile(program, args, options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: stdout + stderr, stdout })
    })
  })
}
