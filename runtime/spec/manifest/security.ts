/** `securityContext`: what of it is enforced, in the words of Docker's HostConfig. */
import {
  fields,
  listOf,
  oneOf,
  readFlag,
  readText,
  refusedUnless,
  wholeNumber,
  type FieldsOf,
  type Node,
  type Problems,
} from './node.ts'
import { REFUSED_IN_SECURITY_CONTEXT } from './refused.ts'

/** Ids beyond the 65536 that are usually mapped are for the start to judge. */
const MOST_ID = 4_294_967_294
const readId = wholeNumber(0, MOST_ID)

const readSeccomp = (node: Node, problems: Problems) =>
  fields(
    { type: oneOf('RuntimeDefault', 'Unconfined') },
    { localhostProfile: 'profiles are files of the caller: run --security-opt seccomp=FILE' },
  )(node, problems)?.type

const OF_POD = { runAsUser: readId, runAsGroup: readId, seccompProfile: readSeccomp }
const OF_CONTAINER = {
  ...OF_POD,
  allowPrivilegeEscalation: readFlag,
  capabilities: fields({ add: listOf(readText), drop: listOf(readText) }),
  privileged: refusedUnless(false, 'nothing here is privileged'),
  readOnlyRootFilesystem: readFlag,
}

export type PodSecurity = FieldsOf<typeof OF_POD>
export type ContainerSecurity = FieldsOf<typeof OF_CONTAINER>

export const readPodSecurity = fields(OF_POD, REFUSED_IN_SECURITY_CONTEXT)
export const readContainerSecurity = fields(OF_CONTAINER, REFUSED_IN_SECURITY_CONTEXT)

/** A group needs a user: the image's own is a name that only the image knows. */
export const formatUser = ({ runAsUser, runAsGroup }: PodSecurity): string | undefined =>
  runAsUser === undefined ? undefined : runAsGroup === undefined ? `${runAsUser}` : `${runAsUser}:${runAsGroup}`

export const formatSecurityOptions = ({ allowPrivilegeEscalation, seccompProfile }: ContainerSecurity): string[] => [
  ...(allowPrivilegeEscalation === false ? ['no-new-privileges'] : []),
  ...(seccompProfile === 'Unconfined' ? ['seccomp=unconfined'] : []),
]
