import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** A statement of a page's SQL blocks. */
export interface DocumentedQuery {
  /** The first line, which is a comment where the block has several statements. */
  title: string
  text: string
}

/**
 * The statements in the SQL blocks of a page, or of a section of it. Each ends with a semicolon at the end of a line.
 *
 * @param page its path from the project's root
 * @param heading of a section of level 2; all sections by default
 */
export async function documentedQueries(page: string, heading?: string): Promise<DocumentedQuery[]> {
  const whole = await readFile(join(root, page), 'utf8')
  const part = heading === undefined ? whole : (whole.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '')
  return [...part.matchAll(/^```sql\n(.*?)^```$/gms)]
    .flatMap(([, block]) => block!.split(/;$/m))
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => ({ title: text.split('\n')[0]!.replace(/^-- /, ''), text }))
}
