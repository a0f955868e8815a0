import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

export const prometheusFolder = join(import.meta.dirname, '..', '..', 'deploy', 'prometheus')

/** The rule files, by their paths in `prometheusFolder`. */
export const ruleFiles = ['rules/recording.yml', 'rules/alerts.yml'] as const

export interface Rule {
  alert?: string
  record?: string
  expr: string
  for?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
}

export interface RuleFile {
  groups: { name: string; rules: Rule[] }[]
}

export function readRuleFile(file: (typeof ruleFiles)[number]): RuleFile {
  return parse(readFileSync(join(prometheusFolder, file), 'utf8'))
}

export function readAlerts(): (Rule & { alert: string })[] {
  const { groups } = readRuleFile('rules/alerts.yml')
  return groups.flatMap(({ rules }) => rules.filter((rule) => rule.alert !== undefined)) as (Rule & {
    alert: string
  })[]
}
