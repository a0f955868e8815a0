import { Logger } from 'graphile-worker'

/** Logs errors and warnings only. The line for each job is left out, as in graphile-worker's own performance test. */
export const quietLogger = new Logger(() => (level, message) => {
  if (level === 'error' || level === 'warning') console.error(message)
})
