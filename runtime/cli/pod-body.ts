/** `pod create` and `explain pod create` flags become the body of POST /glasspod/pods/create. */
import { isAsked } from '../spec/limits.ts'
import { parseLabels } from './env.ts'
import { LIMIT_OPTIONS, makeLimits } from './limit-options.ts'
import { EXPLAIN_OPTIONS } from './explain/options.ts'
import { badFlag } from './options.ts'
import type { Values } from './options.ts'
import { STEP_OPTIONS } from './step/options.ts'

export const POD_OPTIONS = {
  ...LIMIT_OPTIONS,
  ...EXPLAIN_OPTIONS,
  ...STEP_OPTIONS,
  'add-host': { type: 'list', metavar: 'NAME:IP', about: 'add a line to /etc/hosts' },
  hostname: { type: 'string', metavar: 'NAME', about: 'host name in the pod' },
  label: { type: 'list', short: 'l', metavar: 'KEY[=VALUE]', about: 'attach a label' },
  name: { type: 'string', metavar: 'NAME', about: 'name of the pod' },
  network: { type: 'string', metavar: 'NETWORK', about: 'bridge, none or host' },
  publish: {
    type: 'list',
    short: 'p',
    metavar: '[IP:]PORT:CPORT',
    about: "make the pod's port CPORT reachable at PORT of this host",
  },
  share: {
    type: 'string',
    metavar: 'NS[,NS...]',
    about: 'namespaces its containers have in common: net, ipc, uts, pid',
  },
} as const

const SHAREABLE = ['net', 'ipc', 'uts', 'pid']
const orUndefined = (list: string[]) => (list.length === 0 ? undefined : list)

const parseShare = (text: string): string[] => {
  const names = text.split(',').filter((name) => name !== '')
  const unknown = names.find((name) => !SHAREABLE.includes(name))
  if (unknown !== undefined) throw badFlag(`--share takes ${SHAREABLE.join(', ')}, not "${unknown}"`)
  return [...new Set(names)]
}

export const makePodBody = (options: Values<typeof POD_OPTIONS>) => {
  const limits = makeLimits(options)
  return {
    Name: options.name,
    Share: options.share === undefined ? undefined : parseShare(options.share),
    Hostname: options.hostname,
    Publish: orUndefined(options.publish),
    Labels: parseLabels(options.label),
    Network: options.network,
    ExtraHosts: orUndefined(options['add-host']),
    Limits: isAsked(limits) ? limits : undefined,
  }
}
