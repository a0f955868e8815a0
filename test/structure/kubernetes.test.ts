import { execFile, spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { readRuleFile, ruleFiles } from '../support/alert-rules.ts'

const projectRoot = resolve(import.meta.dirname, '..', '..')
const folder = join(projectRoot, 'deploy', 'kubernetes')
const run = promisify(execFile)

interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string }
  // biome-ignore lint/suspicious/noExplicitAny: a test checks it against the types of kubernetes-models
  [member: string]: any
}

/** The published types refuse unknown members, missing members and wrong types. */
test('the manifests have the types that Kubernetes and KEDA publish', async () => {
  expect(await typeErrorsIn(await readManifests())).toBe('')
})

test('everything that the manifests refer to exists', async () => {
  const manifests = await readManifests()
  const named = (kind: string) => manifests.filter((one) => one.kind === kind)
  const secretKeys = Object.keys(named('Secret')[0]!.stringData)
  const configNames = named('ConfigMap').map(({ metadata }) => metadata.name)
  const workloads = ['Deployment', 'StatefulSet', 'Job'].flatMap(named)
  const podLabels = workloads.map(({ spec }) => spec.template.metadata.labels)

  for (const { spec } of workloads) {
    const [container] = spec.template.spec.containers
    expect(container.image).toBe('vss-pipeline')
    await expect(readFile(join(projectRoot, container.command[1]))).resolves.toBeDefined()
    for (const { configMapRef } of container.envFrom ?? []) expect(configNames).toContain(configMapRef.name)
    const volumes = [...spec.template.spec.volumes, ...(spec.volumeClaimTemplates ?? []).map(metadataOf)]
    expect(volumes.map(({ name }) => name)).toEqual(
      expect.arrayContaining(container.volumeMounts.map(({ name }: { name: string }) => name)),
    )
    const mounted = spec.template.spec.volumes
      .flatMap(({ secret }: { secret?: { items: { path: string }[] } }) => secret?.items ?? [])
      .map(({ path }: { path: string }) => path)
    expect(secretKeys).toEqual(expect.arrayContaining(mounted))
    const files = container.env
      .map(({ value }: { value: string }) => value)
      .filter((value: string) => value.startsWith('/run/secrets/vss/'))
      .map((value: string) => value.replace('/run/secrets/vss/', ''))
    expect(files.toSorted()).toEqual(mounted.toSorted())
  }
  for (const kind of ['Deployment', 'StatefulSet', 'PodDisruptionBudget', 'NetworkPolicy', 'Service']) {
    for (const { spec } of named(kind)) {
      const { matchLabels } =
        spec.podSelector ?? (kind === 'Service' ? { matchLabels: spec.selector } : spec.selector)
      expect(podLabels).toContainEqual(expect.objectContaining(matchLabels))
    }
  }
  const names = workloads.map(({ metadata }) => metadata.name)
  for (const kind of ['ScaledObject', 'HorizontalPodAutoscaler']) {
    for (const { spec } of named(kind)) expect(names).toContain(spec.scaleTargetRef.name)
  }
  const triggers = named('ScaledObject').flatMap(({ spec }) => spec.triggers)
  const lists = triggers.flatMap(({ metadata }) => metadata.listName ?? [])
  expect(lists, 'the list that up.test.ts finds in Redis').toEqual(['{vss}:batches:wait'])
  const credentials = named('TriggerAuthentication')
  expect(credentials.length).toBeGreaterThan(0)
  for (const { key } of credentials.flatMap(({ spec }) => spec.secretTargetRef)) {
    expect(secretKeys).toContain(key)
  }
})

test('workers are scaled by figures that the recording rules make, and never by their absence', async () => {
  const scalers = (await readManifests()).filter(({ kind }) => kind === 'ScaledObject')
  const recorded = ruleFiles.flatMap((file) =>
    readRuleFile(file).groups.flatMap(({ rules }) => rules.flatMap(({ record }) => record ?? [])),
  )
  const triggers = scalers.flatMap(({ spec }) => spec.triggers)
  const prometheus = triggers.filter(({ type }) => type === 'prometheus')
  const used = prometheus.flatMap(({ metadata }) => metadata.query.match(/vss:\w+(?::\w+)*/g) ?? [])
  expect(used).toEqual(['vss:queue_oldest_waiting_seconds:max', 'vss:deliveries_accepted:increase5m'])
  expect(recorded).toEqual(expect.arrayContaining(used))
  for (const { metadata } of prometheus) expect(metadata.ignoreNullValues).toBe('false')
  // KEDA falls back for metrics of the type AverageValue alone, which is the default.
  for (const { metricType } of triggers) expect(metricType).toBeUndefined()
  for (const { spec } of scalers) {
    expect(spec.fallback.behavior).toBe('currentReplicasIfHigher')
    expect(spec.fallback.replicas).toBeGreaterThanOrEqual(spec.minReplicaCount)
    expect(spec.fallback.replicas).toBeLessThanOrEqual(spec.maxReplicaCount)
  }
})

test('no proxy is believed by default, and pods reach only DNS, Postgres and Redis', async () => {
  const manifests = await readManifests()
  const settings = manifests.find(({ metadata }) => metadata.name === 'vss-settings')!
  expect(settings.data.TRUSTED_PROXIES).toBe('')
  const egress = manifests.filter(({ spec }) => spec?.policyTypes?.includes('Egress'))
  const workloads = manifests.filter(({ spec }) => spec?.template?.spec.containers)
  expect(workloads.map(({ metadata }) => metadata.name).toSorted()).toEqual([
    'vss-console',
    'vss-ingest',
    'vss-migrate',
    'vss-worker',
  ])
  for (const { metadata, spec } of workloads) {
    const bounding = egress.filter(({ spec: { podSelector } }) => {
      const wanted = Object.entries<string>(podSelector.matchLabels)
      return wanted.every(([label, value]) => spec.template.metadata.labels[label] === value)
    })
    expect(bounding, metadata.name).toHaveLength(1)
  }
  const ports = egress.flatMap(({ spec }) => spec.egress.flatMap((rule: { ports: object[] }) => rule.ports))
  expect(ports).toEqual([
    { port: 53, protocol: 'UDP' },
    { port: 53, protocol: 'TCP' },
    { port: 5432, protocol: 'TCP' },
    { port: 6379, protocol: 'TCP' },
  ])
  const secrets = manifests.find(({ kind }) => kind === 'Secret')!.stringData
  const servers = ['redis-url', 'database-url', 'owner-database-url'].map((key) => new URL(secrets[key]).port)
  expect(servers, 'the policies allow the ports of the example').toEqual(['6379', '5432', '5432'])
})

/** Kustomize 5 is in kubectl since 1.27; Debian's kubectl is older, and has no components that this needs. */
const hasKustomize = /Kustomize Version: v[5-9]/.test(
  spawnSync('kubectl', ['version', '--client'], { encoding: 'utf8' }).stdout ?? '',
)

describe.skipIf(!hasKustomize)('kubectl kustomize', () => {
  test.each(['base', 'overlays/autoscaled'])('%s is made of manifests of published types', async (path) => {
    const manifests = await kustomize(path)
    expect(await typeErrorsIn(manifests)).toBe('')
    for (const { kind, metadata } of manifests.filter(({ kind }) => kind !== 'Namespace')) {
      expect([kind, metadata]).toEqual([kind, expect.objectContaining({ namespace: 'vss' })])
    }
    const images = manifests.flatMap(({ spec }) => spec?.template?.spec.containers[0].image ?? [])
    expect(new Set(images)).toEqual(new Set(['vss-pipeline:0.1.0']))
  })

  test('the scalers decide alone how many pods there are, and their pods can be spread and moved', async () => {
    const manifests = await kustomize('overlays/autoscaled')
    const find = (kind: string, name: string) =>
      manifests.find((one) => one.kind === kind && one.metadata.name === name)!
    for (const [scaler, workload, name] of [
      ['ScaledObject', 'Deployment', 'vss-worker'],
      ['HorizontalPodAutoscaler', 'StatefulSet', 'vss-ingest'],
    ] as const) {
      expect(find(scaler, name).spec.scaleTargetRef.name).toBe(name)
      const { spec } = find(workload, name)
      expect(spec.replicas).toBeUndefined()
      expect(find('PodDisruptionBudget', name).spec.maxUnavailable).toBe(1)
      const spread = spec.template.spec.topologySpreadConstraints
      expect(spread.map(({ topologyKey }: { topologyKey: string }) => topologyKey)).toEqual([
        'kubernetes.io/hostname',
        'topology.kubernetes.io/zone',
      ])
    }
    expect(find('HorizontalPodAutoscaler', 'vss-ingest').spec.behavior.scaleDown.selectPolicy).toBe(
      'Disabled',
    )
  })
})

function metadataOf({ metadata }: { metadata: { name: string } }): { name: string } {
  return metadata
}

/** @returns the complaints of the compiler: nothing when each manifest has the type of its kind. */
async function typeErrorsIn(manifests: readonly Manifest[]): Promise<string> {
  const lines = manifests.map(({ apiVersion, kind, ...rest }, at) => {
    const group = apiVersion.startsWith('keda.sh/') ? '@kubernetes-models/keda' : 'kubernetes-models'
    const type = `import('${group}/${apiVersion}').I${kind}`
    return `export const m${at} = ${JSON.stringify({ apiVersion, kind, ...rest })} satisfies ${type}`
  })
  // In node_modules tsc finds the packages, and no other tool reads the file.
  const scratch = join(projectRoot, 'node_modules', '.cache', 'kubernetes-manifests')
  await mkdir(scratch, { recursive: true })
  await writeFile(join(scratch, 'manifests.ts'), `${lines.join('\n')}\n`)
  const tsc = join(projectRoot, 'node_modules', '.bin', 'tsc')
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--ignoreConfig']
  return await run(tsc, [...options, join(scratch, 'manifests.ts')]).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  )
}

async function kustomize(path: string): Promise<Manifest[]> {
  const { stdout } = await run('kubectl', ['kustomize', join(folder, path)])
  return parseManifests(stdout)
}

/** @returns the manifests as they are written, of the base, the overlays and the examples. */
async function readManifests(): Promise<Manifest[]> {
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.yaml'))
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
  return texts.flatMap(parseManifests).filter(({ kind }) => kind !== 'Kustomization')
}

/** kubectl reads YAML 1.1, which has merge keys and other octal numbers than 1.2. */
function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text, { version: '1.1' }).map((document) => document.toJS() as Manifest)
}
