/** What `play` would do: the same checks, and the plans of what it makes, in the order in which it makes them. */
import { planHostPath } from '../../plan/host-path.ts'
import { planPodCreation } from '../../plan/pod.ts'
import type { Step } from '../../plan/step.ts'
import type { PodManifest } from '../../spec/manifest/pod.ts'
import { containerName, planContainerBody, planPodRequest } from '../../spec/manifest/request.ts'
import type { Agent } from '../agent.ts'
import type { Coming } from '../bundle.ts'
import { imagineRecord } from '../containers.ts'
import type { Request } from '../http.ts'
import { checkPlay } from '../play.ts'
import { planPodEnd } from '../pod-end.ts'
import { idOf, type Part } from './imagine.ts'
import { loadManifests, readManifest } from './play.ts'
import { isTrue } from './query.ts'

/** How many pods and containers of the file come before. */
interface Before {
  pods: number
  containers: number
}

const planPod = async (agent: Agent, manifest: PodManifest, made: Coming, before: Before): Promise<Step[]> => {
  // its name may be that of a pod that goes
  const request = { ...planPodRequest(manifest), name: undefined }
  const pod = await agent.pods.make(request, idOf('POD', before.pods))
  const volumes = agent.pods.volumes(pod)
  const own = manifest.volumes.map(({ name }) => [`${volumes}/${name}`, 'directory'] as const)
  const { driver } = await agent.storage.chosen()
  const planned = await Promise.all(
    manifest.containers.map(async (container, index) => {
      const image = await agent.images.find(container.image)
      const id = idOf('CONTAINER', before.containers + index)
      const body = planContainerBody(manifest, container, volumes)
      const record = imagineRecord({ id, name: containerName(manifest, container), podId: pod.id, driver, body }, image)
      const directory = `${agent.node.paths.containers}/${id}`
      const comes: Coming = new Map([...own, ...made])
      return {
        creation: agent.containers.planCreation({ record, directory }, image),
        start: await agent.supervisor.plan({ record, directory, comes }, pod),
      }
    }),
  )
  return [
    ...planPodCreation(agent.pods.directory(pod.id), request.volumes),
    ...agent.pods.plan(pod),
    ...planned.flatMap(({ creation }) => creation),
    ...planned.flatMap(({ start }) => start),
  ]
}

/** Images that are asked for whether they are here or not; one that is missing must be pulled to be read. */
const planPulls = async (agent: Agent, manifests: readonly PodManifest[]): Promise<Part[]> => {
  const asked = manifests.flatMap(({ containers }) => containers).filter(({ pull }) => pull === 'always')
  const images = [...new Set(asked.map(({ image }) => image))]
  return Promise.all(
    images.map(async (image) => ({ when: `now: image ${image}`, steps: await agent.images.planPull(image) })),
  )
}

export const explainPlay = async (agent: Agent, request: Request): Promise<Part[]> => {
  const { text, file } = await readManifest(request)
  const manifests = (await loadManifests()).parseManifests(text, file)
  const { replaced, missing } = await checkPlay(agent, manifests, isTrue(request.query.get('replace')))
  const made: Coming = new Map(missing.map(({ path, kind }) => [path, kind]))
  const parts: Part[] = [
    ...(await planPulls(agent, manifests)),
    ...replaced.map((pod) => ({ when: `now: pod ${pod.name} is removed`, steps: planPodEnd(agent, pod) })),
    ...(missing.length === 0 ? [] : [{ when: 'now: host paths', steps: missing.map(planHostPath) }]),
  ]
  const before: Before = { pods: 0, containers: 0 }
  for (const manifest of manifests) {
    parts.push({ when: `now: pod ${manifest.name}`, steps: await planPod(agent, manifest, made, before) })
    before.pods++
    before.containers += manifest.containers.length
  }
  return parts
}
