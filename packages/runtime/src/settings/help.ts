import { type Program, programs } from './programs.ts'
import { settingNames } from './read-settings.ts'
import { type AnySetting, defaultFor, isNone, isSameAs } from './setting.ts'
import { settings } from './table.ts'

/**
 * Answers the command line of a program that has all its settings from the environment: `--help` prints them, and any
 * other argument is an error, with exit code 2.
 *
 * @returns whether there was an argument: the program then has nothing else to do.
 */
export function answerArguments(program: Program, args: readonly string[]): boolean {
  const [argument] = args
  if (argument === undefined) return false
  if (argument === '--help' || argument === '-h') {
    process.stdout.write(renderHelp(program))
    return true
  }
  process.stderr.write(
    `${program}: unknown argument ${JSON.stringify(argument)}: it takes --help alone, and its settings from the environment\n`,
  )
  process.exitCode = 2
  return true
}

/** The help of a program: each setting with its default, in lines of 80 columns. */
export function renderHelp(program: Program): string {
  const { command, does } = programs[program]
  const parts = [
    `Usage: ${command}`,
    wrap(does),
    wrap(
      'Its settings come from the environment. Any of them can be given as NAME_FILE instead: the path of a regular file that holds the value.',
    ),
    ...settingNames(program).map((name) => renderSetting(name, settings[name], program)),
  ]
  return `${parts.join('\n\n')}\n`
}

function renderSetting(name: string, setting: AnySetting, program: Program): string {
  const isRequired = defaultFor(setting, program) === undefined
  const words = describeDefault(setting, program)
  return [
    `${name} (${isRequired ? words : `default: ${words}`})`,
    wrap(setting.help, { margin: '    ' }),
    wrap(`Takes ${setting.kind.takes}.`, { margin: '    ' }),
  ].join('\n')
}

/** A program's default in words: `required`, `none`, `as HOST`, `8080`. */
export function describeDefault(setting: AnySetting, program: Program): string {
  const fallback = defaultFor(setting, program)
  if (fallback === undefined) return 'required'
  if (isNone(fallback)) return fallback.none
  if (isSameAs(fallback)) return `as ${fallback.sameAs}`
  return Array.isArray(fallback) && fallback.length === 0 ? 'none' : String(fallback)
}

/** Breaks sentences into lines of `columns` at most, each with the margin before it. */
export function wrap(sentences: string, options: { margin?: string; columns?: number } = {}): string {
  const { margin = '', columns = 80 } = options
  const lines: string[] = []
  let line = ''
  for (const word of sentences.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (margin.length + longer.length <= columns || line === '') {
      line = longer
    } else {
      lines.push(line)
      line = word
    }
  }
  return [...lines, line].map((text) => margin + text).join('\n')
}
