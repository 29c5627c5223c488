/** The network namespace behind a holder, and what is in it. */
import { Failure } from '../errors.ts'

export const readHolderNamespace = (pid: number): string => `/proc/${pid}/ns/net`

/** The first global IPv4 address in the text of `ip -json address show`. */
export const parseDeviceAddress = (json: string): string | undefined => {
  const devices = JSON.parse(json) as { addr_info?: { family: string; scope: string; local: string }[] }[]
  return devices
    .flatMap(({ addr_info: addresses = [] }) => addresses)
    .find(({ family, scope }) => family === 'inet' && scope === 'global')?.local
}

/** @throws {Failure} `uplink.address` when the device has none */
export const readDeviceAddress = async (
  netnsPid: number,
  device: string,
  prefix: readonly string[],
): Promise<string> => {
  const { execa } = await import('execa')
  const [program = 'nsenter', ...args] = [
    ...prefix,
    ...['nsenter', `--net=${readHolderNamespace(netnsPid)}`, '--', 'ip', '-json', 'address', 'show', 'dev', device],
  ]
  const { stdout, stderr } = await execa(program, args, { reject: false })
  const address = stdout === undefined || stdout === '' ? undefined : parseDeviceAddress(stdout)
  if (address !== undefined) return address
  throw new Failure(`uplink: ${device} has no IPv4 address`, {
    id: 'uplink.address',
    found: stderr || undefined,
    try: 'pasta copies the address of the interface that has the default route: ip route show default',
    exitCode: 125,
  })
}

/** Loads a ruleset into the namespace; false where nft(8) or the kernel refuses it. */
export const loadRules = async (netnsPid: number, rules: string, prefix: readonly string[]): Promise<boolean> => {
  const { execa } = await import('execa')
  const [program = 'nsenter', ...args] = [
    ...prefix,
    ...['nsenter', `--net=${readHolderNamespace(netnsPid)}`, '--', 'nft', '-f', '-'],
  ]
  const { failed } = await execa(program, args, { input: rules, reject: false })
  return !failed
}
