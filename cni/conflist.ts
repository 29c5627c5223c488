/**
 * A network as CNI describes it: a `.conflist` names the plugins that a container's interface goes through, in
 * order (CNI specification 1.0.0, section 1). Pure: text in, value out.
 */
import { basename, dirname } from 'node:path'
import { Failure } from '../runtime/errors.ts'

export interface PluginConf {
  /** The plugin's file name, looked up in CNI_PATH. */
  type: string
  /** What the runtime may pass in `runtimeConfig`, `{"portMappings": true}`. */
  capabilities?: Record<string, boolean>
  [field: string]: unknown
}

export interface Conflist {
  cniVersion: string
  name: string
  disableCheck?: boolean
  plugins: PluginConf[]
}

/** Section 1: starts with a letter or digit, then also `_`, `.` and `-`. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/
/** A file name and nothing else, so that no configuration can start a program outside CNI_PATH. */
const TYPE = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/

const refuse = (from: string, what: string): never => {
  throw new Failure(`network configuration ${from}: ${what}`, {
    id: 'network.conflist',
    see: 'https://www.cni.dev/docs/spec/#section-1-network-configuration-format',
    exitCode: 125,
    status: 400,
  })
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const parsePlugin = (value: unknown, index: number, from: string): PluginConf => {
  if (!isObject(value)) return refuse(from, `plugins[${index}] is not an object`)
  const { type } = value
  if (typeof type !== 'string' || !TYPE.test(type)) return refuse(from, `plugins[${index}].type is not a plugin name`)
  return { ...value, type }
}

/**
 * @param text the file's content
 * @param from its name, for the error
 * @throws {Failure} `network.conflist`, with the field at fault
 */
export const parseConflist = (text: string, from = 'conflist'): Conflist => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return refuse(from, `not JSON (${(error as Error).message})`)
  }
  if (!isObject(value)) return refuse(from, 'not an object')
  const { name, cniVersion, plugins, disableCheck } = value
  if (typeof name !== 'string' || !NAME.test(name)) return refuse(from, 'name is not a network name')
  if (typeof cniVersion !== 'string') return refuse(from, 'cniVersion is missing')
  if (!Array.isArray(plugins) || plugins.length === 0) {
    const hint = 'type' in value ? ' (this is a single plugin; put it into plugins)' : ''
    return refuse(from, `plugins is missing or empty${hint}`)
  }
  return {
    cniVersion,
    name,
    ...(disableCheck === true || disableCheck === 'true' ? { disableCheck: true } : {}),
    plugins: plugins.map((plugin, index) => parsePlugin(plugin, index, from)),
  }
}

/** Leases go with the session: a list that names the place of an earlier one, of the same root, means that of this. */
export const inSession = (list: Conflist, dataDir: string): Conflist => {
  const tail = (path: string) => `${basename(dirname(path))}/${basename(path)}`
  return {
    ...list,
    plugins: list.plugins.map((plugin) => {
      const { ipam } = plugin
      const isOurs = isObject(ipam) && typeof ipam['dataDir'] === 'string' && tail(ipam['dataDir']) === tail(dataDir)
      return isOurs ? { ...plugin, ipam: { ...ipam, dataDir } } : plugin
    }),
  }
}

export interface NetworkChoice {
  /** Network name, `glasspod` unless told. */
  name?: string
  /** Interface name of the bridge in the node, at most 15 characters. */
  bridge?: string
  /** IPv4 network, prefix 8 to 30. */
  subnet?: string
  /** Directory of the leases; each network gets a directory of its own below it. */
  dataDir: string
  /** Bytes. A veth does not cut packets, so a large one saves work: 13 Gbit/s at 65520 (FACTS). */
  mtu?: number
}

/** The network that a pod is in when nothing else is said: our bridge, with gateway, masquerade and hairpin. */
export const defaultConflist = ({
  name = 'glasspod',
  bridge = 'glasspod0',
  subnet = '10.88.0.0/16',
  dataDir,
  mtu = 65520,
}: NetworkChoice): Conflist => ({
  cniVersion: '1.0.0',
  name,
  plugins: [
    {
      type: 'bridge',
      bridge,
      isGateway: true,
      isDefaultGateway: true,
      ipMasq: true,
      hairpinMode: true,
      mtu,
      ipam: { type: 'host-local', subnet, dataDir },
    },
  ],
})
