import type { NumberSearch } from '@vss-pipeline/reader'
import { UsageError } from './failure.ts'

/** Enough for every number, and for white space around it. */
const longestLine = 1_024

/**
 * Reads a number that was given to a command, of which no error shows anything.
 *
 * @param typed `-` for the first line of standard input, which no list of processes shows
 * @param name the option or argument that has it
 * @throws UsageError
 */
export async function readTypedNumber(typed: string, name: string): Promise<NumberSearch> {
  const { fewestDigits, readNumberSearch } = await import('@vss-pipeline/reader')
  const number = readNumberSearch(typed === '-' ? await readLine() : typed)
  if (number === null) {
    throw new UsageError(
      `${name} is no phone number: it takes one such as +12025550123, its last ${fewestDigits} digits or more, or - to read it from standard input`,
    )
  }
  return number
}

async function readLine(): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk
    if (text.includes('\n') || text.length > longestLine) break
  }
  return text.split('\n', 1)[0]!
}
