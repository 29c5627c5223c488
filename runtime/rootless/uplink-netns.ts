/** The network namespace behind a holder, and what is in it. */
import { Failure } from '../errors.ts'
import { runProgram } from './run-program.ts'

const TIMEOUT_MS = 10_000

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
  const show = [
    'nsenter',
    `--net=${readHolderNamespace(netnsPid)}`,
    '--',
    'ip',
    '-json',
    'address',
    'show',
    'dev',
    device,
  ]
  const { printed, said } = await runProgram([...prefix, ...show], process.env, { timeoutMs: TIMEOUT_MS })
  const address = printed === '' ? undefined : parseDeviceAddress(printed)
  if (address !== undefined) return address
  throw new Failure(`uplink: ${device} has no IPv4 address`, {
    id: 'uplink.address',
    found: said || undefined,
    try: 'pasta copies the address of the interface that has the default route: ip route show default',
    exitCode: 125,
  })
}

/** Loads a ruleset into the namespace; false where nft(8) or the kernel refuses it. */
export const loadRules = async (netnsPid: number, rules: string, prefix: readonly string[]): Promise<boolean> => {
  const load = ['nsenter', `--net=${readHolderNamespace(netnsPid)}`, '--', 'nft', '-f', '-']
  const { code } = await runProgram([...prefix, ...load], process.env, { timeoutMs: TIMEOUT_MS, input: rules })
  return code === 0
}
