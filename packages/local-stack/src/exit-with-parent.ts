/**
 * Loaded into each service ahead of its main.ts (`node --import`). When the process that started it is gone,
 * even by kill -9, the channel between them closes: the service then drains and ends as on any other stop.
 */
import { closeSync, openSync } from 'node:fs'

process.on('disconnect', () => {
  // Nobody reads the output any more, and pino's flush at exit would repeat a write to a broken pipe for ever.
  for (const output of [1, 2]) {
    closeSync(output)
    // A file that is opened takes the lowest number that is free: the one just closed.
    openSync('/dev/null', 'w')
  }
  process.kill(process.pid, 'SIGTERM')
})
// The listener above must not be what keeps a service alive.
process.channel?.unref()
