import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Finds the path of the first of `programs` that the PATH has; undefined when it has none. */
export function findOnPath(...programs: string[]): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  return programs.flatMap((program) => folders.map((folder) => join(folder, program))).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
