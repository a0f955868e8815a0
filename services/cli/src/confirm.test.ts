import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { confirm } from './confirm.ts'

const removal = { consequence: 'the consumer forgets its cursor', question: 'Remove it?' }

test.each(['y\r', 'YES\r', ' yes \r'])('the answer %j on a terminal confirms it', async (answer) => {
  const { person, asked } = terminal(answer)
  await confirm({ ...removal, details: 'It lags by 3 s', yes: undefined }, person)
  expect(asked()).toContain('the consumer forgets its cursor.\nIt lags by 3 s\nRemove it? [y/N] ')
})

test.each([
  ['n', 'n\r'],
  ['nothing', '\r'],
  ['another word', 'yesterday\r'],
  ['Ctrl-C', '\u0003'],
  ['Ctrl-D', '\u0004'],
])('%s on a terminal does not', async (_, answer) => {
  await expect(confirm({ ...removal, yes: undefined }, terminal(answer).person)).rejects.toThrow(
    'not confirmed: nothing was changed',
  )
})

test('--yes confirms it without a question', async () => {
  const { person, asked } = terminal('')
  await confirm({ ...removal, yes: true }, person)
  expect(asked()).toBe('')
})

test.each(['input', 'output'] as const)('without a terminal for %s it takes --yes', async (stream) => {
  const { person, asked } = terminal('y\r')
  person[stream].isTTY = false
  await expect(confirm({ ...removal, yes: undefined }, person)).rejects.toThrow(
    'the consumer forgets its cursor: give --yes to confirm it',
  )
  expect(asked()).toBe('')
})

/** A terminal on which somebody types. */
function terminal(typed: string) {
  const input = Object.assign(new PassThrough(), { isTTY: true })
  const output = Object.assign(new PassThrough(), { isTTY: true })
  input.write(typed)
  return { person: { input, output }, asked: () => String(output.read() ?? '') }
}
