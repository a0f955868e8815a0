import { Presets, SingleBar } from 'cli-progress'

export interface ProgressBar {
  advance(): void
  stop(): void
}

/** Shows a bar on standard error, which is removed at the end. Shows nothing where that is not a terminal. */
export function startProgressBar(total: number): ProgressBar {
  const stream = process.stderr
  if (!stream.isTTY) return { advance() {}, stop() {} }
  const bar = new SingleBar(
    {
      stream,
      // Short enough for 80 columns with nine digits on either side.
      barsize: 30,
      format: '{bar} {value}/{total} | {rate}/s | {eta_formatted} left',
      clearOnComplete: true,
      hideCursor: true,
    },
    Presets.shades_classic,
  )
  const startedAtMs = performance.now()
  let done = 0
  bar.start(total, 0, { rate: 0 })
  return {
    advance() {
      done++
      const seconds = (performance.now() - startedAtMs) / 1000
      bar.update(done, { rate: Math.round(done / seconds) })
    },
    stop: () => bar.stop(),
  }
}
