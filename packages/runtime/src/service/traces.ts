import type { SettingsOf } from '../settings/index.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Logger } from './logger.ts'

/** The settings of traces, which the services on a delivery's way have. */
export type TraceSettings = Pick<
  SettingsOf<'ingest'>,
  Extract<keyof SettingsOf<'ingest'>, `otel${string}`> | 'shutdownTimeoutMs'
>

/** Whether a service records traces at all. */
export function hasTraceSettings(config: object): config is TraceSettings {
  return 'otelSdkDisabled' in config
}

/** Records traces where `OTEL_…` asks for them. Otherwise the SDK of OpenTelemetry is not loaded. */
export async function startTracesWhereAsked(deps: {
  service: string
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
