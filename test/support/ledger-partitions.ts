/** The first instant of a month, UTC; 0 is this month. */
export function monthStart(monthsAhead: number): Date {
  const now = new Date()
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + monthsAhead, 1))
}

/** The name of that month's partition of the ledger. */
export function partitionName(monthsAhead: number): string {
  return `deliveries_${monthStart(monthsAhead).toISOString().slice(0, 7).replace('-', '_')}`
}

/** The first instant of a day, UTC; 0 is today. */
export function dayStart(daysAhead: number): Date {
  const now = new Date()
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + daysAhead))
}

/** The name of the partition with that day's bodies. */
export function bodiesOf(daysAhead: number): string {
  return `bodies_${dayStart(daysAhead).toISOString().slice(0, 10).replaceAll('-', '_')}`
}
