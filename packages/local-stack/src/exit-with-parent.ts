/**
 * Loaded into each service ahead of its main.ts (`node --import`). When the process that started it is gone,
 * even by kill -9, the channel between them closes: the service then drains and ends as on any other stop.
 */
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
// The listener above must not be what keeps a service alive.
process.channel?.unref()
