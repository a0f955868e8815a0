import { createInterface } from 'node:readline'
import { CommandFailure, UsageError } from './failure.ts'

/** The streams to a person. Standard output is for results, so that a question goes to standard error. */
export interface Person {
  input: NodeJS.ReadableStream & { isTTY?: boolean }
  output: NodeJS.WritableStream & { isTTY?: boolean }
}

/**
 * Makes sure that somebody wants what a command is about to do. On a terminal it asks, and takes only `y` or `yes` for
 * an answer that allows it. Elsewhere nobody can answer, so it takes `--yes`.
 *
 * @param options.consequence says what will happen, in a sentence without a full stop.
 * @param options.details are shown before the question.
 * @param options.question ends in a question mark.
 * @throws UsageError where nobody can be asked, and CommandFailure when it is not confirmed.
 */
export async function confirm(
  options: { consequence: string; details?: string; question: string; yes: boolean | undefined },
  { input, output }: Person = { input: process.stdin, output: process.stderr },
): Promise<void> {
  const { consequence, details, question, yes = false } = options
  if (yes) return
  if (!input.isTTY || !output.isTTY) throw new UsageError(`${consequence}: give --yes to confirm it`)
  const lines = [`${consequence}.`, ...(details === undefined ? [] : [details]), `${question} [y/N] `]
  const answer = await ask(lines.join('\n'), { input, output })
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandFailure('not confirmed: nothing was changed')
}

/** @returns the line; an empty one when input ends, or Ctrl-C is pressed, instead. */
async function ask(question: string, { input, output }: Person): Promise<string> {
  const lines = createInterface({ input, output, terminal: true })
  try {
    return await new Promise((resolve) => {
      lines.on('close', () => {
        output.write('\n')
        resolve('')
      })
      lines.question(question, resolve)
    })
  } finally {
    lines.removeAllListeners('close')
    lines.close()
  }
}
