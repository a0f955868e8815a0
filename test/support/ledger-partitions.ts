/** The first instant of a month, UTC; 0 is this month. */
export function monthStart(monthsAhead: number): Date {
  const now = new Date()
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + monthsAhead, 1))
}

/** The name of that month's partition of the ledger. */
export function partitionName(monthsAhead: number): string {
  return `deliveries_${monthStart(monthsAhead).toISOString().slice(0, 7).replace('-', '_')}`
}
