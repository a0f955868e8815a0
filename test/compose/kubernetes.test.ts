import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { projectRoot } from './command.ts'

const folder = join(projectRoot, 'deploy', 'kubernetes')

interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string }
  // biome-ignore lint/suspicious/noExplicitAny: a test checks it against the types of kubernetes-models
  [member: string]: any
}

/** The published types refuse unknown members, missing members and wrong types. */
test('the manifests have the types that Kubernetes and KEDA publish', async () => {
  const manifests = await readManifests()
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
  const check = promisify(execFile)(tsc, [...options, join(scratch, 'manifests.ts')])

  const printed = await check.then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  )
  expect(printed).toBe('')
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
  const [trigger] = named('ScaledObject')[0]!.spec.triggers
  expect(trigger.metadata.listName, 'the list that up.test.ts finds in Redis').toBe('{vss}:batches:wait')
  const [auth] = named('TriggerAuthentication')
  for (const { key } of auth!.spec.secretTargetRef) expect(secretKeys).toContain(key)
})

test('no proxy is believed by default, and pods reach only DNS, Postgres and Redis', async () => {
  const manifests = await readManifests()
  const settings = manifests.find(({ metadata }) => metadata.name === 'vss-settings')!
  expect(settings.data.TRUSTED_PROXIES).toBe('')
  const egress = manifests.filter(({ spec }) => spec?.policyTypes?.includes('Egress'))
  const workloads = manifests.filter(({ spec }) => spec?.template?.spec.containers)
  expect(workloads).toHaveLength(3)
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

function metadataOf({ metadata }: { metadata: { name: string } }): { name: string } {
  return metadata
}

async function readManifests(): Promise<Manifest[]> {
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.yaml'))
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
  // kubectl reads YAML 1.1, which has merge keys and other octal numbers than 1.2.
  const documents = texts.flatMap((text) => parseAllDocuments(text, { version: '1.1' }))
  const manifests = documents.map((document) => document.toJS() as Manifest)
  return manifests.filter(({ kind }) => kind !== 'Kustomization')
}
