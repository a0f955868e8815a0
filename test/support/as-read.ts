/** A session or a leg as the reader returns it: its times are texts. */
export function asRead(stored: object): object {
  const members = Object.entries(stored).map(([name, value]) =>
    name.endsWith('AtMs') ? [name.slice(0, -2), timeAsRead(value)] : [name, value],
  )
  return Object.fromEntries(members)
}

function timeAsRead(epochMs: number | null): string | null {
  return epochMs === null ? null : new Date(epochMs).toISOString()
}
