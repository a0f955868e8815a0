import { execFileSync } from 'node:child_process'
import type { TestProject } from 'vitest/node'
import { compose, composeArguments, composeCommand, composeEnvironment } from './command.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The compose project's name. No other run has it. */
    projectName: string
  }
}

/** Builds the images once, and removes them with everything else at the end, even when the run is interrupted. */
export default async function setup(project: TestProject): Promise<() => void> {
  const projectName = `vss-test-${process.pid}`
  project.provide('projectName', projectName)

  function remove(): void {
    const [program, ...first] = composeCommand
    const args = [...first, ...composeArguments(projectName), 'down', '--volumes', '--rmi', 'local']
    execFileSync(program, [...args, '--timeout', '1'], { env: composeEnvironment({}), stdio: 'ignore' })
  }
  process.once('exit', remove)
  const { code, output } = await compose(projectName, ['build'])
  if (code !== 0) throw new Error(`The images could not be built:\n${output}`)
  return () => {
    process.off('exit', remove)
    remove()
  }
}
