import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const file = join(import.meta.dirname, '..', '..', 'deploy', 'grafana', 'dashboards', 'vss-pipeline.json')

export interface Panel {
  id: number
  type: string
  title: string
  description?: string
  gridPos: { x: number; y: number; w: number; h: number }
  targets?: { expr: string; legendFormat: string }[]
}

export interface Dashboard {
  uid: string
  panels: Panel[]
}

export function readDashboard(): Dashboard {
  return JSON.parse(readFileSync(file, 'utf8'))
}

/** The queries of all panels. @param rateInterval takes the place of Grafana's own variable. */
export function dashboardQueries(rateInterval: string): { panel: string; expr: string }[] {
  return readDashboard().panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ panel: title, expr: expr.replaceAll('$__rate_interval', rateInterval) })),
  )
}
