/** Pods from manifests: checked whole, then made whole, or not at all. */
import { accessSync, constants, existsSync, lstatSync, statSync, type Stats } from 'node:fs'
import { rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf, Failure } from '../errors.ts'
import type { Losses } from '../../images/layer/unpack.ts'
import { executeSteps, undoSteps, type Execution, type Watch } from '../execute.ts'
import { planHostPath, type MissingPath } from '../plan/host-path.ts'
import type { PodManifest } from '../spec/manifest/pod.ts'
import { containerName, planContainerBody, planPodRequest } from '../spec/manifest/request.ts'
import type { HostPathType, Volume } from '../spec/manifest/volumes.ts'
import { quoteWord } from '../spec/shell-words.ts'
import { parseVolume } from '../spec/volumes.ts'
import type { Agent } from './agent.ts'
import { buildConfig, type Coming } from './bundle.ts'
import { imagineRecord, type Container } from './containers.ts'
import { newId } from './naming.ts'
import { removePod, stopPod } from './pod-end.ts'
import type { PodRecord } from './records.ts'

export interface Played {
  pod: PodRecord
  containers: Container[]
  /** Of images that another program put into the store, and that were unpacked for this. */
  unpacked: Unpacked[]
}

interface Unpacked {
  /** As the manifest calls it. */
  image: string
  losses: Losses
}

const refuse = (id: string, sentence: string, advice: string, status = 409): Failure =>
  new Failure(sentence, { id, try: advice, status, exitCode: 125 })

const named = (agent: Agent, name: string): PodRecord | undefined =>
  [...agent.pods.all.values()].find((pod) => !pod.implicit && pod.name === name)

/** Names that are in use and would not be free by then. */
const refuseTaken = (agent: Agent, manifests: readonly PodManifest[], replaced: readonly PodRecord[]): void => {
  const goes = new Set(replaced.map(({ id }) => id))
  for (const manifest of manifests) {
    const pod = named(agent, manifest.name)
    if (pod !== undefined && !goes.has(pod.id))
      throw refuse('name.in-use', `the pod name '${pod.name}' is in use`, 'glasspod play --replace, or down first')
    for (const container of manifest.containers) {
      const name = containerName(manifest, container)
      const taken = [...agent.containers.all.values()].find(({ record }) => record.name === name)
      if (taken !== undefined && !goes.has(taken.record.podId))
        throw refuse('name.in-use', `the container name '${name}' is in use`, `glasspod rm ${name}`)
    }
  }
}

const IS: Record<Exclude<HostPathType, ''>, (stats: Stats) => boolean> = {
  Directory: (stats) => stats.isDirectory(),
  DirectoryOrCreate: (stats) => stats.isDirectory(),
  File: (stats) => stats.isFile(),
  FileOrCreate: (stats) => stats.isFile(),
  Socket: (stats) => stats.isSocket(),
}

const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined

/** The path and what above it there is not, the uppermost first. A link that leads nowhere is there, and no directory. */
const listAbsent = (path: string): string[] => (isThere(path) ? [] : [...listAbsent(dirname(path)), path])

const isWritable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** What is to be made for it, from above. @throws {Failure} `play.host-path` */
const checkHostPath = ({ path, type, place }: Extract<Volume, { kind: 'hostPath' }>): MissingPath[] => {
  const wrong = (what: string, advice: string) =>
    new Failure(`${place}.hostPath: ${path} ${what}`, { id: 'play.host-path', try: advice, status: 400, exitCode: 125 })
  let stats: Stats
  try {
    stats = statSync(path)
  } catch (error) {
    const code = errnoOf(error) ?? String(error)
    const unseen = (advice: string) => wrong(`cannot be seen: ${code}`, advice)
    if (code !== 'ENOENT' || type === 'Socket') throw unseen(`ls -ld ${quoteWord(path)}`)
    const absent = listAbsent(path)
    const above = dirname(absent[0] ?? path)
    if (!existsSync(above) || absent.length === 0) {
      const link = absent.length === 0 ? path : above
      throw wrong(`cannot be seen: ${link} is a link that leads nowhere`, `ls -l ${quoteWord(link)}`)
    }
    if (!type.endsWith('OrCreate')) throw unseen(`type: ${type === 'File' ? 'FileOrCreate' : 'DirectoryOrCreate'}`)
    if (type === 'FileOrCreate' && absent.length > 1)
      throw wrong(`cannot be made: there is no ${dirname(path)}`, `mkdir -p ${quoteWord(dirname(path))}`)
    if (!isWritable(above))
      throw wrong(`cannot be made: ${above} is not ours to write`, 'a path that this user may write')
    return absent.map((made) => ({ kind: type === 'FileOrCreate' ? 'file' : 'directory', path: made, place }))
  }
  if (type !== '' && !IS[type](stats)) throw wrong(`is no ${type.replace('OrCreate', '')}`, `ls -ld ${quoteWord(path)}`)
  return []
}

/** A file that is there stays as it is, and nothing is taken back that is not empty. */
const HOST_PATHS: Execution = {
  effects: {
    'play.file': async ({ path }) => {
      await writeFile(String(path), '', { flag: 'a', mode: 0o644 }).catch((error: unknown) => {
        throw new Failure(`make ${String(path)}: ${errnoOf(error) ?? String(error)}`, { id: 'play.host-path' })
      })
      return undefined
    },
    'play.remove': async ({ kind, path }) => {
      await removeEmpty(kind === 'file', String(path))
      return undefined
    },
  },
}

const removeEmpty = async (isFile: boolean, path: string): Promise<void> => {
  try {
    if (!isFile) await rmdir(path)
    else if ((await stat(path)).size === 0) await rm(path)
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY'].includes(errnoOf(error) ?? '')) throw error
  }
}

/** By a container of another pod, which has found there what we made. */
const isMounted = (agent: Agent, path: string): boolean =>
  [...agent.containers.all.values()]
    .flatMap(({ record }) => record.body.HostConfig?.Binds ?? [])
    .some((bind) => `${parseVolume(bind).source}/`.startsWith(`${path}/`))

const hostPathsOf = ({ volumes }: PodManifest) =>
  volumes.flatMap((volume) => (volume.kind === 'hostPath' ? [volume] : []))

const makePod = async (
  agent: Agent,
  manifest: PodManifest,
  { made, unpacked, watch }: { made: Played[]; unpacked: Unpacked[]; watch: Watch | undefined },
): Promise<void> => {
  const pod = await agent.pods.create(planPodRequest(manifest), watch)
  const played: Played = { pod, containers: [], unpacked }
  made.push(played)
  const { driver } = await agent.storage.chosen()
  await agent.pods.start(pod, watch)
  for (const container of manifest.containers) {
    const { image } = await agent.images.findUnpacked(container.image)
    const options = { name: containerName(manifest, container), pod: pod.id, driver, watch }
    played.containers.push(
      await agent.containers.create(planContainerBody(manifest, container, agent.pods.volumes(pod)), image, options),
    )
  }
  for (const container of played.containers) await agent.supervisor.start(container, watch)
}

/** What the pod and its containers are refused for, as when they are made; under no name, which may be one that goes. */
const checkManifest = async (agent: Agent, manifest: PodManifest): Promise<void> => {
  const pod = await agent.pods.make({ ...planPodRequest(manifest), name: undefined })
  for (const container of manifest.containers)
    agent.containers.check(planContainerBody(manifest, container, agent.pods.volumes(pod)), pod)
}

/**
 * What must hold before anything is made, or removed for it.
 * @throws {Failure} a name or a host port in use, a limit that nobody enforces here, a hostPath that is not as it says
 */
export const checkPlay = async (agent: Agent, manifests: readonly PodManifest[], replace: boolean) => {
  const replaced = replace ? manifests.flatMap(({ name }) => named(agent, name) ?? []) : []
  refuseTaken(agent, manifests, replaced)
  const missing = manifests.flatMap(hostPathsOf).flatMap(checkHostPath)
  for (const manifest of manifests) await checkManifest(agent, manifest)
  const published = manifests.flatMap((manifest) => planPodRequest(manifest).publish)
  await agent.pods.checkPorts(published, replaced)
  return { replaced, missing }
}

/** What a creation refuses of its containers, now that their images are here: said while a pod that goes still runs. */
const checkContainers = async (agent: Agent, manifest: PodManifest, missing: readonly MissingPath[]): Promise<void> => {
  const { node, pods } = agent
  const pod = await pods.make({ ...planPodRequest(manifest), name: undefined })
  const volumes = pods.volumes(pod)
  const { driver } = await agent.storage.chosen()
  const comes: Coming = new Map<string, MissingPath['kind']>([
    ...manifest.volumes.map(({ name }) => [`${volumes}/${name}`, 'directory'] as const),
    ...missing.map(({ path, kind }) => [path, kind] as const),
  ])
  for (const container of manifest.containers) {
    const image = await agent.images.find(container.image)
    const body = planContainerBody(manifest, container, volumes)
    const record = imagineRecord(
      { id: newId(), name: containerName(manifest, container), podId: pod.id, driver, body },
      image,
    )
    buildConfig({ node, pods, pod, container: record, image, comes })
  }
}

interface PlayOptions {
  replace: boolean
  watch: Watch | undefined
  /** For images that another program put into the store. */
  squash: boolean
  signal: AbortSignal
}

const unpackFor = async (
  agent: Agent,
  containers: PodManifest['containers'],
  options: Pick<PlayOptions, 'squash' | 'signal'>,
): Promise<Unpacked[]> => {
  const unpacked: Unpacked[] = []
  for (const { image } of containers) {
    const { losses } = await agent.images.findUnpacked(image, options)
    if (losses !== undefined) unpacked.push({ image, losses })
  }
  return unpacked
}

/** Makes and starts the pods; where one fails, none is left. */
export const play = async (
  agent: Agent,
  manifests: readonly PodManifest[],
  { replace, watch, ...unpacking }: PlayOptions,
): Promise<Played[]> => {
  const { replaced, missing } = await checkPlay(agent, manifests, replace)
  const unpacked: Unpacked[][] = []
  for (const { containers } of manifests) unpacked.push(await unpackFor(agent, containers, unpacking))
  for (const manifest of manifests) await checkContainers(agent, manifest, missing)
  for (const pod of replaced) await removePod(agent, pod, watch)
  await executeSteps(missing.map(planHostPath), { ...HOST_PATHS, watch })
  const made: Played[] = []
  try {
    for (const [at, manifest] of manifests.entries())
      await makePod(agent, manifest, { made, unpacked: unpacked[at] ?? [], watch })
  } catch (error) {
    for (const { pod } of made.reverse())
      await removePod(agent, pod).catch((failed: unknown) => console.error(`remove pod ${pod.name}:`, failed))
    const unused = missing.filter(({ path }) => !isMounted(agent, path))
    for (const failed of await undoSteps(unused.map(planHostPath), HOST_PATHS))
      console.error('remove a hostPath:', failed)
    throw error
  }
  return made
}

/** @throws {Failure} `play.foreign`: one of these names is of a pod that play did not make */
export const findPlayed = (agent: Agent, names: readonly string[]): { pods: PodRecord[]; missing: string[] } => {
  const found = names.map((name) => named(agent, name))
  const foreign = found.find((pod) => pod !== undefined && pod.played !== true)
  if (foreign !== undefined)
    throw refuse('play.foreign', `pod ${foreign.name} was not made by play`, `glasspod pod rm ${foreign.name}`)
  return { pods: found.flatMap((pod) => pod ?? []), missing: names.filter((_, index) => found[index] === undefined) }
}

/** Stops and removes what play made of these names; those that there are none of are returned. */
export const down = async (
  agent: Agent,
  names: readonly string[],
  { seconds, watch }: { seconds: number; watch?: Watch | undefined },
): Promise<{ removed: PodRecord[]; missing: string[] }> => {
  const { pods: removed, missing } = findPlayed(agent, names)
  for (const pod of removed) {
    await stopPod(agent, pod, { seconds, verb: 'down', watch })
    await removePod(agent, pod, watch)
  }
  return { removed, missing }
}
