/** What Kubernetes allows as a name. */
import { matching } from './node.ts'

/** RFC 1123, a label: also what a host may be called. */
export const readLabel = matching(
  /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  'a name of small letters, digits and -, 63 at most',
)

/** RFC 1123, a subdomain, as a pod is called. */
export const readSubdomain = matching(
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
  'a name of small letters, digits, - and .',
)
