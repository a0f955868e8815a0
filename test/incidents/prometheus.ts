import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { choosePort, createTemporaryFolder, until } from '@vss-pipeline/local-stack'
import { onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { prometheusFolder, type RuleFile, readRuleFile, ruleFiles } from '../support/alert-rules.ts'
import { startListening } from '../support/listening-program.ts'

/** The addresses of the ops listeners, by the name of the job that scrapes them. */
export type Targets = Record<string, string[]>

export interface FiringAlert {
  labels: Record<string, string>
  annotations: Record<string, string>
}

export interface Sample {
  metric: Record<string, string>
  value: [time: number, value: string]
}

export interface RunningPrometheus {
  /** Scrapes these and no others from now on. */
  watch(targets: Targets): void
  /** @returns the samples that a query finds now. */
  query(expr: string): Promise<Sample[]>
  firing(): Promise<FiringAlert[]>
}

/**
 * Starts a real Prometheus on the configuration and the rules of deploy/prometheus, until the test has finished. It
 * scrapes each second and finds its targets in files, and each alert waits for a tenth of its time.
 */
export async function startPrometheus(): Promise<RunningPrometheus> {
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const targetsFolder = join(folder.path, 'targets')
  for (const name of ['rules', 'targets']) mkdirSync(join(folder.path, name))
  for (const file of ruleFiles) {
    // JSON is YAML.
    writeFileSync(join(folder.path, file), JSON.stringify(hastened(readRuleFile(file))))
  }
  const configuration = parse(readFileSync(join(prometheusFolder, 'prometheus.yml'), 'utf8'))
  const jobs = configuration.scrape_configs.map(({ job_name: job }: { job_name: string }) => ({
    job_name: job,
    file_sd_configs: [{ files: [join(targetsFolder, `${job}.json`)], refresh_interval: '1s' }],
  }))
  const file = join(folder.path, 'prometheus.yml')
  const global = { scrape_interval: '1s', evaluation_interval: '1s' }
  writeFileSync(file, JSON.stringify({ ...configuration, global, scrape_configs: jobs }))

  const port = await choosePort(0)
  await startListening({
    command: [
      'prometheus',
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder.path, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    port,
  })

  async function ask<Data>(path: string): Promise<Data> {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)
    const { data, error } = (await answer.json()) as { data: Data; error?: string }
    if (error !== undefined) throw new Error(error)
    return data
  }

  await until('A Prometheus that is ready', () => ask('status/runtimeinfo').catch(() => false), {
    timeoutMs: 20_000,
  })
  return {
    watch(targets) {
      for (const [job, urls] of Object.entries(targets)) {
        const written = join(targetsFolder, `${job}.json`)
        writeFileSync(`${written}.new`, JSON.stringify([{ targets: urls.map((url) => new URL(url).host) }]))
        renameSync(`${written}.new`, written)
      }
    },
    async query(expr) {
      const { result } = await ask<{ result: Sample[] }>(`query?query=${encodeURIComponent(expr)}`)
      return result
    },
    async firing() {
      const { alerts } = await ask<{ alerts: (FiringAlert & { state: string })[] }>('alerts')
      return alerts.filter(({ state }) => state === 'firing')
    },
  }
}

function hastened(file: RuleFile): RuleFile {
  const groups = file.groups.map(({ name, rules }) => ({
    name,
    rules: rules.map((rule) => (rule.for === undefined ? rule : { ...rule, for: tenthOf(rule.for) })),
  }))
  return { groups }
}

/** @param duration is in whole seconds or minutes, as `90s` or `1m`. */
function tenthOf(duration: string): string {
  const [, count, unit] = /^(\d+)([sm])$/.exec(duration)!
  return `${Number(count) * (unit === 'm' ? 6_000 : 100)}ms`
}
