/** The plan of a container's start: most of it is made while its pod comes up, and bound to the pod when that runs. */
import type { Call } from '../init/call.ts'
import { stringifyJson } from '../kernel/seccomp/json.ts'
import { planContainer } from '../plan/container.ts'
import { planStart } from '../plan/start.ts'
import type { Step } from '../plan/step.ts'
import type { OciConfig } from '../spec/oci.ts'
import { buildConfig, planRoot, type Coming } from './bundle.ts'
import type { Container } from './containers.ts'
import type { Images } from './images.ts'
import { shortId } from './naming.ts'
import type { Node } from './node.ts'
import type { Pods } from './pods.ts'
import type { ContainerRecord, PodRecord } from './records.ts'

export interface StartParts {
  node: Node
  pods: Pods
  images: Images
}

export type Planned = Pick<Container, 'record' | 'directory'> & { config?: OciConfig | undefined; comes?: Coming }

export interface Prepared {
  config: OciConfig
  calls: Call[]
}

export const leafOf = (pods: Pods, { id }: ContainerRecord, pod: PodRecord): string | undefined => {
  const parent = pods.cgroup(pod)
  return parent === undefined ? undefined : `${parent}/${shortId(id)}`
}

/** With the namespaces of the pod as it is now. */
const inPod = (config: OciConfig, pods: Pods, pod: PodRecord): OciConfig => ({
  ...config,
  linux: { ...config.linux, namespaces: pods.namespaces(pod) },
})

/** What does not depend on whether the pod runs, unless they share a PID namespace. */
export const prepareStart = async (
  { node, pods, images }: StartParts,
  { record, directory, config: made, comes }: Planned,
  pod: PodRecord,
): Promise<Prepared> => {
  const image = await images.find(record.image.id)
  const config = inPod(
    made ?? buildConfig({ node, pods, pod, container: record, image, ...(comes === undefined ? {} : { comes }) }),
    pods,
    pod,
  )
  const size = record.body.HostConfig?.ConsoleSize
  const calls = planContainer({
    config,
    directory,
    root: planRoot(node, record, image),
    cgroup: leafOf(pods, record, pod),
    openStdin: record.body.OpenStdin === true,
    keepStdin: record.body.StdinOnce !== true,
    noPivot: record.body.Glasspod?.noPivot === true,
    terminalSize: size ? { rows: size[0], columns: size[1] } : undefined,
    // The pod's own memory is a directory, also while the pod is only planned.
    host: {
      ...node.host,
      isDirectory: (path) =>
        comes?.get(path) === 'directory' || pods.isMountPoint(pod, path) || node.host.isDirectory(path),
    },
  })
  return { config, calls }
}

/** The steps, when the pod runs. */
export const bindToPod = (
  { pods }: StartParts,
  { record, directory }: Planned,
  pod: PodRecord,
  { config: prepared, calls }: Prepared,
): Step[] => {
  const config = inPod(prepared, pods, pod)
  return planStart({ directory, config, configText: stringifyJson(config), cgroup: leafOf(pods, record, pod), calls })
}
