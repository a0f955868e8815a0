/**
 * Each service loads this file before its main.ts, by `node --import`. When the process that started the service ends,
 * even by kill -9, the channel between them closes. The service then drains and ends as on any other stop.
 */
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
// Without this, the listener above would keep the service alive.
process.channel?.unref()
