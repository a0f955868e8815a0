/** Counts and times as people read them, in the command's output, in findings and on pages. */

/** A count: `12,345`. */
export function displayCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** A count with its noun: `1 batch`, `1,204 batches`. */
export function displayCountOf(count: number, one: string, many: string): string {
  return `${displayCount(count)} ${count === 1 ? one : many}`
}

/** A time span: `0.3 s`, `42 s`, `3 min 20 s`, `5 h 12 min`, `3 d 4 h`. */
export function displaySpan(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  const whole = Math.floor(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  if (whole < 86_400) return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`
  return `${displayCount(Math.floor(whole / 86_400))} d ${Math.floor((whole % 86_400) / 3_600)} h`
}

/** An amount of memory or disk: `512 B`, `1.5 KiB`, `300 MiB`. */
export function displayBytes(bytes: number): string {
  let amount = bytes
  let unit = 0
  while (amount >= 1_024 && unit < byteUnits.length - 1) {
    amount /= 1_024
    unit++
  }
  return `${unit === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${byteUnits[unit]}`
}

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
