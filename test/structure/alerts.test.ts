import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { prometheusFolder, readAlerts, readRuleFile, ruleFiles } from '../support/alert-rules.ts'
import { dashboardQueries, readDashboard } from '../support/dashboard.ts'
import { headingsOf, toAnchor } from './headings.ts'

const projectRoot = resolve(import.meta.dirname, '..', '..')
const alerts = readAlerts()

describe.each(alerts)('$alert', ({ alert, labels, annotations = {}, ...rule }) => {
  test('says what happened, what to do, and where more is', () => {
    expect(alert).toMatch(/^Vss([A-Z][a-z]+)+$/)
    expect(labels).toEqual({ severity: expect.stringMatching(/^(critical|warning)$/) })
    const { summary = '', description = '', runbook_url: runbook = '', ...others } = annotations
    expect(others).toEqual({})
    expect(summary).toMatch(/^\S.*[^.]$/)
    expect(description).toMatch(/^[A-Z].*\.$/)
    const [page, anchor = ''] = runbook.split('#')
    expect(page).toBe('docs/runbook.md')
    expect(headingsOf(read('docs/runbook.md')).map(toAnchor)).toContain(anchor)
  })

  test('waits for less than two minutes', () => {
    expect(rule.for ?? '0s').toMatch(/^(0s|30s|90s|1m)$/)
  })
})

test('docs/operating.md has every alert with its level and its place in the runbook, and no other', () => {
  const documented = [
    ...read('docs/operating.md').matchAll(/^\| `(Vss\w+)` \| (\w+) \|.*\((runbook\.md#[\w-]+)\) \|$/gm),
  ].map(([, ...row]) => row)
  const defined = alerts.map(({ alert, labels, annotations }) => [
    alert,
    labels?.severity,
    annotations?.runbook_url?.replace('docs/', ''),
  ])
  expect(documented).toEqual(defined)
})

test('docs/runbook.md names every alert where it leads to', () => {
  const sections = read('docs/runbook.md').split(/^(?=## )/m)
  const unnamed = alerts.filter(({ alert, annotations }) => {
    const [, anchor = ''] = annotations!.runbook_url!.split('#')
    const section = sections.find((text) => toAnchor(/^## (.+)$/m.exec(text)?.[1] ?? '') === anchor)
    return !section?.includes(`\`${alert}\``)
  })
  expect(unnamed.map(({ alert }) => alert)).toEqual([])
})

test('rules and dashboard ask for metrics that the services have', () => {
  const sources = ['packages', 'services'].flatMap((folder) =>
    readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\/src\/.*(?<!\.test)\.ts$/.test(file) && !file.includes('node_modules'))
      .map((file) => read(`${folder}/${file}`)),
  )
  const defined = new Set(sources.flatMap((source) => source.match(/(?<=name: ')vss_\w+(?=')/g) ?? []))
  const rules = ruleFiles.flatMap((file) => readRuleFile(file).groups.flatMap((group) => group.rules))
  const recorded = new Set(rules.flatMap(({ record }) => record ?? []))
  const queries = [...rules, ...dashboardQueries('1m')].map(({ expr }) => expr)
  const asked = queries.flatMap((query) => query.match(/\bvss[_:][\w:]+/g) ?? [])
  const unknown = asked.filter(
    (name) => !recorded.has(name) && !defined.has(name.replace(/_(bucket|sum|count)$/, '')),
  )
  expect(asked.length).toBeGreaterThan(30)
  expect(unknown).toEqual([])
})

test('the rules do not fix how often they are evaluated, and Prometheus reads all of them', () => {
  for (const file of ruleFiles) {
    for (const group of readRuleFile(file).groups) expect(Object.keys(group)).toEqual(['name', 'rules'])
  }
  expect(readdirSync(join(prometheusFolder, 'rules')).toSorted()).toEqual(
    ruleFiles.map((file) => file.replace('rules/', '')).toSorted(),
  )
  expect(parse(read('deploy/prometheus/prometheus.yml')).rule_files).toEqual(['rules/*.yml'])
})

test('the panels of the dashboard have ids of their own, a sentence each, and cover no other', () => {
  const { panels } = readDashboard()
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  for (const { title, description, type } of panels) {
    if (type !== 'row') expect(description, title).toMatch(/^[A-Z\d].*\.$/)
  }
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)} ${y + Math.floor(cell / w)}`),
  )
  expect(new Set(cells).size).toBe(cells.length)
  expect(Math.max(...panels.map(({ gridPos }) => gridPos.x + gridPos.w))).toBe(24)
})

test('compose gives Prometheus and Grafana the files of deploy, and publishes them on this machine alone', () => {
  const { services } = parse(read('docker-compose.yml'), { merge: true })
  const { prometheus, grafana } = services
  for (const { profiles, ports } of [prometheus, grafana]) {
    expect(profiles).toEqual(['observability'])
    expect(ports).toEqual([expect.stringMatching(/^\$\{[A-Z]+_PORT:-127\.0\.0\.1:\d+\}:\d+$/)])
  }
  const mounted = [...prometheus.volumes, ...grafana.volumes].flatMap((volume: string) =>
    volume.startsWith('./') ? volume.split(':') : [],
  )
  expect(mounted).toEqual([
    ...['./deploy/prometheus', '/etc/prometheus', 'ro'],
    ...['./deploy/grafana/provisioning', '/etc/grafana/provisioning', 'ro'],
    ...['./deploy/grafana/dashboards', '/var/lib/grafana-dashboards', 'ro'],
  ])
  const { providers } = parse(read('deploy/grafana/provisioning/dashboards/dashboards.yml'))
  expect(providers[0].options.path).toBe('/var/lib/grafana-dashboards')
  const { datasources } = parse(read('deploy/grafana/provisioning/datasources/prometheus.yml'))
  expect(datasources[0].url).toBe('http://prometheus:9090')
  const { scrape_configs: jobs } = parse(read('deploy/prometheus/prometheus.yml'))
  expect(jobs).toEqual(
    ['ingest', 'worker'].map((name) => ({
      job_name: `vss-${name}`,
      dns_sd_configs: [
        { names: [name], type: 'A', port: services[name].environment.OPS_PORT, refresh_interval: '15s' },
      ],
    })),
  )
})

function read(path: string): string {
  return readFileSync(join(projectRoot, path), 'utf8')
}
