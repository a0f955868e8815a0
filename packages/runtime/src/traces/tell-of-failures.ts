import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { Logger } from '../service/logger.ts'
import { createTeller } from '../service/teller.ts'

/** Logs when the collector takes no spans, and when it does again. The spans of a failed export are lost. */
export function tellOfFailures(exporter: SpanExporter, logger: Logger): SpanExporter {
  const told = createTeller<'failing'>(logger)
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (result.error === undefined) told.over('failing', 'the collector takes traces again')
        else {
          const { message, code } = result.error as NodeJS.ErrnoException
          told.repeatedly('failing', 'warn', 'the collector does not take traces: they are lost', {
            spans: spans.length,
            reason: message || code,
          })
        }
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
  }
}
