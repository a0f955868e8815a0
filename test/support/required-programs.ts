import { findOnPath } from '@vss-pipeline/local-stack'
import { kinds, readVariable } from '@vss-pipeline/runtime'

/** Any of these is the browser to test with: Debian's, or another. */
export const browsers = ['chromium', 'chromium-browser', 'google-chrome'] as const

/** Each with the names that it has. Tests that need one are skipped without it. */
const programs: readonly (readonly string[])[] = [browsers, ['promtool']]

/**
 * With `TEST_PROGRAMS=required`, as in `.ci/run`, no test may be skipped because a program is missing: the run ends
 * before its first test.
 *
 * @throws Error that names the missing ones
 */
export function requirePrograms(env: NodeJS.ProcessEnv): void {
  if (readVariable(env, 'TEST_PROGRAMS', kinds.oneOf('required')) === undefined) return
  const missing = programs.filter((names) => findOnPath(...names) === undefined)
  if (missing.length === 0) return
  const names = missing.map((ones) => ones.join(' or ')).join('; ')
  throw new Error(`TEST_PROGRAMS is required, and the PATH lacks ${names}: install what is missing`)
}
