/** Preloaded by `--import`: tells at exit how many modules of OpenTelemetry's SDK the process has loaded. */
import { registerHooks } from 'node:module'

let modules = 0

registerHooks({
  load(url, context, nextLoad) {
    // Its API is another matter, because prom-client loads that.
    if (/\/@opentelemetry\/(?!api\/)/.test(url)) modules++
    return nextLoad(url, context)
  },
})

process.on('exit', () => console.log(`modules of the SDK: ${modules}`))
