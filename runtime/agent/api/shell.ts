/** /glasspod/shell: the plan of a container that is not made, as a script that makes it without us. */
import { Failure } from '../../errors.ts'
import { planPodCreation } from '../../plan/pod.ts'
import { formatShell } from '../../see/shell/script.ts'
import type { Agent } from '../agent.ts'
import { planRoot } from '../bundle.ts'
import { newId } from '../naming.ts'
import { readBridge } from '../node-networks.ts'
import { route, type Request, type Route } from '../http.ts'
import { imagineContainer } from './imagine.ts'

const refuse = (sentence: string, why: string, advice: string): Failure =>
  new Failure(sentence, { id: 'shell.refused', why, try: advice, exitCode: 125, status: 400 })

const makeScript = async (agent: Agent, request: Request): Promise<string> => {
  const id = newId()
  const names = { pod: newId(), container: id, hostname: id.slice(0, 12) }
  const { image, pod, record, directory } = await imagineContainer(agent, request, names)
  if (!pod.implicit)
    throw refuse(
      `--dry-run=sh makes a pod of its own, and --pod ${pod.name} asks for one that is there`,
      'the script never calls glasspod, and only glasspod knows that pod',
      'the same without --pod; or glasspod explain run --pod ...',
    )
  if (record.body.Glasspod?.noPivot === true)
    throw refuse(
      '--no-pivot is for hosts whose root cannot be left by pivot_root(2), and the script uses that',
      'after a moved mount and chroot(2) the shell would still stand in the mounts of the host',
      'the same without --no-pivot',
    )
  const { Name: policy = 'no' } = record.body.HostConfig?.RestartPolicy ?? {}
  if (policy !== '' && policy !== 'no')
    throw refuse(
      `--restart ${policy} is the agent’s work, and the script makes one run`,
      'who starts a container again must outlive it',
      'the same without --restart; a loop around the script is one as well',
    )
  if (record.driver === 'copy')
    throw refuse(
      '--dry-run=sh mounts the layers as one tree, and the storage driver here is copy',
      'a shell cannot tell which directories of a layer replace those below',
      'glasspod explain run ..., which shows the same steps with any driver',
    )
  const podDirectory = agent.pods.directory(pod.id)
  const leaf = agent.leaves.of(record, pod)
  const { layers } = agent.node.paths
  return formatShell({
    command: `glasspod ${request.query.get('command') ?? 'run'}`,
    steps: [
      ...planPodCreation(podDirectory),
      ...agent.pods.plan(pod),
      ...agent.containers.planCreation({ record, directory }, image),
      ...(await agent.supervisor.plan({ record, directory }, pod)),
    ],
    userNamespace: agent.node.idMap,
    user: process.env['USER'] ?? '',
    places: { container: directory, pod: podDirectory, cgroup: agent.pods.cgroup(pod), leaf, layers },
    lower: planRoot(agent.node, record, image).lower,
    network: pod.network === 'bridge' ? readBridge(await agent.network.conflist()) : undefined,
  })
}

export const shellRoutes = (agent: Agent): Route[] => [
  route('POST', '/glasspod/shell', async (request) => ({ script: await makeScript(agent, request) })),
]
