/** Containers and pods that are not made, for who asks what would be: their records as they would be. */
import type { Step } from '../../plan/step.ts'
import { CREATE_SHAPE, type CreateBody } from '../../spec/create-body.ts'
import type { Agent } from '../agent.ts'
import { imagineRecord, implicitPod } from '../containers.ts'
import { readBody, type Request } from '../http.ts'

/** Steps, and when they are made: at once, or at the end of what is started. */
export interface Part {
  when: string
  steps: Step[]
}

export const NOW = 'now'

/** An id that nothing has yet; a shell would call it so. @param index of several, from 0 */
export const idOf = (what: 'POD' | 'CONTAINER', index = 0): string => `$${what}${index === 0 ? '' : index + 1}_ID`

/** What a request for one would make. */
export const imagineContainer = async (
  agent: Agent,
  { raw, query }: Request,
  names = { pod: idOf('POD'), container: idOf('CONTAINER'), hostname: idOf('CONTAINER') },
) => {
  const body = await readBody<CreateBody>(raw, CREATE_SHAPE)
  const image = await agent.images.find(body.Image ?? '')
  const podWord = query.get('pod')
  const name = query.get('name') ?? 'NAME'
  const pod =
    podWord === null
      ? {
          ...(await agent.pods.make(implicitPod(body, name, 'id'), names.pod)),
          hostname: body.Hostname || names.hostname,
        }
      : agent.pods.find(podWord)
  const driver = await agent.storage.forClient(raw.headers)
  const record = imagineRecord({ id: names.container, name, podId: pod.id, driver, body }, image)
  return { image, pod, record, directory: `${agent.node.paths.containers}/${names.container}` }
}
