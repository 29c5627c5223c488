/**
 * Who takes part, each with directories of its own below one: nothing of the user's own podman or glasspod is touched.
 * Made from the same image, pulled from the same registry, on the same file system.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { execute, type Argv, type Contestant } from './timing.ts'

/** dist/scripts/bench.mjs is two levels below bin/. */
const BIN = new URL('../../bin/glasspod', import.meta.url).pathname

const output = promisify(execFile)

export interface Field {
  image: string
  glasspod: Contestant
  podman: Contestant
  crun: Contestant
  node: Contestant
  /** `glasspod ARGS` and so on as argument vectors. */
  asGlasspod: (...args: string[]) => Argv
  asPodman: (...args: string[]) => Argv
  asCrun: (...args: string[]) => Argv
}

/** Kernel overlay, as glasspod uses it: left to itself podman 4.3 falls back to copying where /dev/fuse is root's. */
const STORAGE_CONF = '[storage]\ndriver = "overlay"\n'
/** There need not be a systemd for the user; glasspod uses none either. */
const CONTAINERS_CONF = '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'

const makeEnvironment = (work: string, name: string): Record<string, string> => {
  const home = join(work, name)
  const run = join(work, `run-${name}`)
  for (const directory of [home, run]) mkdirSync(directory, { recursive: true, mode: 0o700 })
  const { PATH = '', USER = '' } = process.env
  // no NODE_EXTRA_CA_CERTS: Node starts three times slower with it
  return { PATH: `${PATH}:/usr/sbin:/sbin`, USER, HOME: home, XDG_RUNTIME_DIR: run, LANG: 'C.UTF-8', NO_COLOR: '1' }
}

export const makeField = (work: string, image: string): Field => {
  const contestant = (name: string): Contestant => {
    const env = makeEnvironment(work, name)
    return { name, env, errors: join(work, `${name}.errors`) }
  }
  const podman = contestant('podman')
  const configuration = join(work, 'podman/.config/containers')
  mkdirSync(configuration, { recursive: true })
  writeFileSync(join(configuration, 'storage.conf'), STORAGE_CONF)
  writeFileSync(join(configuration, 'containers.conf'), CONTAINERS_CONF)
  return {
    image,
    glasspod: contestant('glasspod'),
    podman,
    crun: contestant('crun'),
    node: contestant('node'),
    asGlasspod: (...args) => [BIN, '--root', join(work, 'glasspod/root'), ...args],
    asPodman: (...args) => ['podman', ...args],
    asCrun: (...args) => ['crun', '--root', join(work, 'run-crun/crun'), '--cgroup-manager', 'disabled', ...args],
  }
}

export const bundleOf = (work: string, command: string): string => join(work, 'crun', command)

interface RuntimeConfig {
  process: { terminal: boolean; args: string[] }
  linux: { namespaces: { type: string }[] }
}

/** A bundle for crun with the image's files: what is left when image, network and supervision are taken away. */
const makeBundle = async (field: Field, work: string, name: string, args: string[]): Promise<void> => {
  const bundle = bundleOf(work, name)
  const rootfs = join(bundle, 'rootfs')
  mkdirSync(rootfs, { recursive: true })
  const archive = join(work, 'rootfs.tar')
  await output('tar', ['-xf', archive, '-C', rootfs, '--no-same-owner'])
  await output('crun', ['spec', '--rootless', '--bundle', bundle], { env: field.crun.env, cwd: bundle })
  const path = join(bundle, 'config.json')
  const config = JSON.parse(readFileSync(path, 'utf8')) as RuntimeConfig
  config.process.terminal = false
  config.process.args = args
  if (!config.linux.namespaces.some(({ type }) => type === 'network')) config.linux.namespaces.push({ type: 'network' })
  writeFileSync(path, JSON.stringify(config))
}

/** The image into both stores, and a bundle of it for crun. */
export const prepareImages = async (field: Field, work: string): Promise<void> => {
  const { glasspod, podman, image, asGlasspod, asPodman } = field
  await execute(glasspod, asGlasspod('pull', '-q', image))
  await execute(podman, asPodman('pull', '-q', '--tls-verify=false', image))
  await execute(podman, asPodman('create', '--name', 'export', '--network', 'none', image, 'true'))
  await execute(podman, asPodman('export', '--output', join(work, 'rootfs.tar'), 'export'))
  await execute(podman, asPodman('rm', 'export'))
  await makeBundle(field, work, 'true', ['true'])
  await makeBundle(field, work, 'sleep', ['sleep', '100000'])
}

/** Everything ends, each in its own way; @returns what did not. */
export const endAll = async ({ glasspod, podman, asGlasspod, asPodman, crun, asCrun }: Field): Promise<string[]> => {
  const ends: [Contestant, Argv][] = [
    [crun, asCrun('delete', '--force', 'exec')],
    [glasspod, asGlasspod('system', 'reset', '--force')],
    [podman, asPodman('system', 'reset', '--force')],
  ]
  const failures: string[] = []
  for (const [contestant, argv] of ends) {
    await execute(contestant, argv).catch((error: unknown) => failures.push(String(error)))
  }
  return failures
}
