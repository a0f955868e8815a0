import type { SettingsOf } from '../settings/index.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Logger } from './logger.ts'

/** The settings of traces, which all services have. */
export type TraceSettings = Pick<
  SettingsOf<'ingest'>,
  Extract<keyof SettingsOf<'ingest'>, `otel${string}`> | 'shutdownTimeoutMs'
>

/** Records traces where `OTEL_…` asks for them. Otherwise the SDK of OpenTelemetry is not loaded. */
export async function startTracesWhereAsked(deps: {
  service: 'ingest' | 'worker'
  config: TraceSettings
  logger: Logger
  lifecycle: Lifecycle
}): Promise<void> {
  if (!asksForTraces(deps.config)) return
  const { startTraces } = await import('../traces/start-traces.ts')
  startTraces(deps)
}

function asksForTraces(config: TraceSettings): boolean {
  const { otelSdkDisabled, otelTracesExporter, otelExporterOtlpEndpoint, otelExporterOtlpTracesEndpoint } =
    config
  if (otelSdkDisabled || otelTracesExporter === 'none') return false
  return otelTracesExporter === 'otlp' || Boolean(otelExporterOtlpEndpoint ?? otelExporterOtlpTracesEndpoint)
}
