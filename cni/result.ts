/**
 * What a CNI plugin answers: the success object, or the error object (CNI specification 1.0.0, section 5).
 * The same shape serves results of version 0.4.0, whose addresses also carry `version: "4"`.
 */

export interface CniInterface {
  name: string
  mac?: string
  /** Path of the network namespace; absent for an interface on the node's side. */
  sandbox?: string
}

export interface CniAddress {
  /** With its prefix length: `10.88.0.2/24`. */
  address: string
  gateway?: string
  /** Index into `interfaces`. */
  interface?: number
}

export interface CniRoute {
  dst: string
  gw?: string
}

export interface CniResult {
  cniVersion: string
  interfaces?: CniInterface[]
  ips?: CniAddress[]
  routes?: CniRoute[]
  dns?: { nameservers?: string[]; domain?: string; search?: string[]; options?: string[] }
}

export interface CniError {
  cniVersion?: string
  /** 1 version, 2 unsupported field, 3 unknown container, 4 environment, 5 input or output, 6 decoding,
      7 invalid configuration, 11 try again later, from 100 the plugin's own. */
  code: number
  msg: string
  details?: string
}

const parseObject = (text: string): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** The success object on a plugin's standard output, or undefined when it is not one. Unknown fields are kept. */
export const parseResult = (text: string): CniResult | undefined => {
  const value = parseObject(text)
  return value === undefined || typeof value['cniVersion'] !== 'string' || 'code' in value
    ? undefined
    : (value as unknown as CniResult)
}

/** The error object on a plugin's standard output, or undefined when it is not one. */
export const parseError = (text: string): CniError | undefined => {
  const value = parseObject(text)
  return value === undefined || typeof value['code'] !== 'number' || typeof value['msg'] !== 'string'
    ? undefined
    : (value as unknown as CniError)
}

/** The address of the container itself, without prefix length: the first one on an interface with a sandbox. */
export const podAddress = (result: CniResult): string | undefined => {
  const own = result.ips?.find(
    ({ interface: index }) => index === undefined || result.interfaces?.[index]?.sandbox !== undefined,
  )
  return own?.address.split('/')[0]
}
