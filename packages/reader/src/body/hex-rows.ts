const bytesInRow = 16

/** The first bytes as hexadecimal digits, 16 a row, each row behind the place of its first byte. */
export function hexRows(bytes: Uint8Array, mostBytes: number): string[] {
  const rows: string[] = []
  for (let at = 0; at < Math.min(bytes.length, mostBytes); at += bytesInRow) {
    const hex = Buffer.from(bytes.subarray(at, at + bytesInRow)).toString('hex')
    rows.push(`${at.toString(16).padStart(4, '0')}  ${hex.replace(/(..)(?=.)/g, '$1 ')}`)
  }
  return rows
}
