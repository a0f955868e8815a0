import type { Program } from './programs.ts'
import { type AnySetting, defaultFor, isNone, isSameAs, type None } from './setting.ts'
import { settings } from './table.ts'
import { type Kind, readVariable, requireVariable } from './variable.ts'

type Table = typeof settings

/** The names of the settings that a program reads. */
export type SettingName<P extends Program> = {
  [Name in keyof Table]: P extends Table[Name]['readBy'][number] ? Name : never
}[keyof Table]

/** The configuration of a program: SPOOL_DIR is its member `spoolDir`. */
export type SettingsOf<P extends Program> = {
  [Name in SettingName<P> as CamelCase<Name>]: ValueOf<Name, P>
}

type ValueOf<Name extends keyof Table, P extends Program> =
  | (Table[Name]['kind'] extends Kind<infer Value> ? Value : never)
  | (DefaultOf<Table[Name], P> extends None ? undefined : never)

type DefaultOf<Row, P extends Program> = Row extends { default: { [program in P]: infer Own } }
  ? Own
  : Row extends { default: infer Common }
    ? Common
    : never

type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Tail>>}`
  : Lowercase<Name>

/**
 * All settings that a program reads, from an environment in which each may also be given as `NAME_FILE`.
 *
 * @throws ConfigError with one line that names the variable, its value and the values that it takes.
 */
export function readSettings<P extends Program>(env: NodeJS.ProcessEnv, program: P): SettingsOf<P> {
  const entries = settingNames(program).map((name) => [toCamelCase(name), readSetting(env, program, name)])
  return Object.fromEntries(entries) as SettingsOf<P>
}

/** One setting as a program reads it. @throws ConfigError */
export function readSetting<P extends Program, Name extends SettingName<P>>(
  env: NodeJS.ProcessEnv,
  program: P,
  name: Name,
): ValueOf<Name, P> {
  return readByName(env, program, name) as ValueOf<Name, P>
}

function readByName(env: NodeJS.ProcessEnv, program: Program, name: string): unknown {
  const setting: AnySetting = settings[name as keyof Table]
  const fallback = defaultFor(setting, program)
  if (fallback === undefined) return requireVariable<unknown>(env, name, setting.kind)
  const value = readVariable<unknown>(env, name, setting.kind)
  if (value !== undefined) return value
  if (isNone(fallback)) return undefined
  return isSameAs(fallback) ? readByName(env, program, fallback.sameAs) : fallback
}

/** The names of the settings that a program reads, in the table's order. */
export function settingNames<P extends Program>(program: P): SettingName<P>[] {
  const names = Object.keys(settings) as (keyof Table)[]
  return names.filter((name): name is SettingName<P> =>
    (settings[name].readBy as readonly Program[]).includes(program),
  )
}

function toCamelCase(name: string): string {
  return name.toLowerCase().replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase())
}
