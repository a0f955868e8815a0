import { styleText } from 'node:util'
import type { Finding } from '@vss-pipeline/reader'
import { displayValue, renderParagraph } from './text.ts'

/** Findings as lines, each with its remedy below. */
export function renderFindingLines(findings: readonly Finding[]): string {
  return findings
    .flatMap(({ level, text, remedy }) => {
      const word = styleText(level === 'error' ? 'red' : 'yellow', level, { stream: process.stdout })
      return [
        renderParagraph(`${word}: ${displayValue(text)}`, { indentColumns: 2 }),
        renderParagraph(remedy, { indentColumns: 4 }),
      ]
    })
    .join('\n')
}
