import { Logger } from 'graphile-worker'

/** Errors and warnings, without the line about each job that succeeded: its own performance test leaves it out too. */
export const quietLogger = new Logger(() => (level, message) => {
  if (level === 'error' || level === 'warning') console.error(message)
})
