/** A place to play in: a directory, a shell, a glasspod of its own with an image; and all of it taken back. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { $ } from 'zx'
import { Failure } from '../../runtime/errors.ts'
import { layout } from '../../runtime/rootless/root-directory.ts'
import { buildDemoImage } from '../../test/fixtures/demo-image.ts'
import { pushLayout, startRegistry } from '../../test/fixtures/registry.ts'
import type { Stage } from '../demo-steps/stage.ts'
import { prepareGround, removeGround, type Ground } from './ground.ts'
import type { Language, Level } from './level.ts'
import { SAY } from './say.ts'
import { Shell } from './shell.ts'

/** dist/scripts/learn.mjs is two levels below bin/. */
const BIN = new URL('../../bin/glasspod', import.meta.url).pathname
/** The plugins, as CNI_PATH wants them. */
const PLUGINS = new URL('../cni', import.meta.url).pathname

/** Read by a shell in a second terminal, it is where the level is: in its directory, with its glasspod, and knows its shell. */
export const SECOND_TERMINAL = 'second-terminal'

export interface Place {
  directory: string
  shell: Shell
}

/** The commands of the levels are called by their names; a path of a test comes first. */
const environment = (directory: string): NodeJS.ProcessEnv => {
  const { NODE_EXTRA_CA_CERTS: _slow, ...env } = process.env
  return {
    ...env,
    PATH: `${directory}/bin:${env['PATH'] ?? ''}:/usr/sbin:/sbin`,
    GLASSPOD_ROOT: `${directory}/root`,
    DIR: directory,
    CNI_PATH: PLUGINS,
    NO_COLOR: '1',
    COLUMNS: '78',
    // a proxy of the reader's would be asked for the registry on loopback
    no_proxy: 'localhost',
  }
}

/** As the shell calls it. */
const installGlasspod = (directory: string): void => {
  const file = `${directory}/bin/glasspod`
  writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`)
  chmodSync(file, 0o755)
}

/**
 * A registry on loopback that has the image. What is begun is said to the stage first: it may be asked to end at any
 * moment.
 */
const serveImage = async (stage: Stage) => {
  const ociLayout = await mkdtemp(join(tmpdir(), 'glasspod-learn-image-'))
  const removeLayout = () => rm(ociLayout, { recursive: true, force: true })
  stage.atEnd(removeLayout)
  const starting = startRegistry({ detached: true })
  let stopping: Promise<void> | undefined
  const stop = () => (stopping ??= starting.then((registry) => registry.stop()))
  stage.atEnd(stop)
  const { host } = await starting
  const image = `${host}/learn:1`
  await buildDemoImage('/bin/busybox', ociLayout)
  await pushLayout(ociLayout, image)
  await removeLayout()
  return { host, image, stop }
}

const pullImage = async (image: string, env: NodeJS.ProcessEnv, stage: Stage): Promise<void> => {
  const pull = $({ env, quiet: true, nothrow: true, detached: true })`glasspod pull -q ${image}`
  stage.during(pull, () => void pull.kill('SIGTERM'))
  const { exitCode, stderr } = await pull
  if (exitCode !== 0) throw new Failure(stderr.trimEnd().replace(/^error: /, ''))
}

/** Files of subordinate ids are their owner's to remove in a user namespace only. */
const removeFiles = (directory: string): void => {
  try {
    execFileSync('rm', ['-rf', directory], { stdio: 'ignore' })
  } catch {
    execFileSync('unshare', ['--map-root-user', '--map-auto', 'rm', '-rf', directory], { stdio: 'inherit' })
  }
}

/** Containers, agents and stores of the root directories in it: of the level's own, and of any that the reader has made. */
const reset = async (directory: string, given: NodeJS.ProcessEnv): Promise<void> => {
  for (const name of readdirSync(directory)) {
    const root = `${directory}/${name}`
    if (!existsSync(layout(root).marker)) continue
    const env = { ...given, GLASSPOD_ROOT: root }
    // at once: a reset asks first, and process 1 of most levels does not listen
    await $({ env, nothrow: true, quiet: true })`glasspod ps -aq | xargs -r glasspod rm -f`
    const { exitCode, stderr } = await $({ env, nothrow: true, quiet: true })`glasspod system reset --force`
    if (exitCode !== 0) throw new Error(stderr.trimEnd())
  }
}

/** The stage takes all of it back, however far it has come. */
export const makePlace = async (
  { image, ground, language }: { image: Level['image']; ground: Ground | undefined; language: Language },
  stage: Stage,
): Promise<Place> => {
  const directory = mkdtempSync(join(tmpdir(), 'gp-learn-'))
  stage.atEnd(() => Promise.resolve(removeFiles(directory)))
  chmodSync(directory, 0o711)
  mkdirSync(`${directory}/bin`)
  chmodSync(`${directory}/bin`, 0o755)
  installGlasspod(directory)
  const env = environment(directory)
  if (image !== undefined) {
    stage.atEnd(() => reset(directory, env))
    const served = await serveImage(stage)
    env['IMAGE'] = served.image
    if (image === 'served') env['REGISTRY'] = served.host
    else {
      await pullImage(served.image, env, stage)
      await served.stop()
    }
  }
  let cgroup: string | undefined
  stage.atEnd(async () => {
    if (cgroup !== undefined) await removeGround(cgroup)
  })
  const shell = new Shell({ directory, env: { ...env, ...ground?.env }, prefix: ground?.prefix ?? [] })
  stage.atEnd(async () => {
    const left = await shell.end()
    if (left.length > 0) throw new Error(`${SAY.leftover[language]} ${left.join(', ')}`)
  })
  if (ground !== undefined) {
    // systemd-run(1) has become the shell when that answers
    const { exitCode, output } = await shell.run(':')
    if (exitCode !== 0)
      throw new Failure(`${ground.prefix[0] ?? 'sh'} started no shell`, { found: output || undefined })
    cgroup = prepareGround(ground, shell.pid, basename(directory))
    await shell.run(`CGROUP=${cgroup}; export CGROUP`)
  }
  writeFileSync(
    `${directory}/${SECOND_TERMINAL}`,
    `cd ${directory}\nexport GLASSPOD_ROOT=$PWD/root PATH=$PWD/bin:$PATH:/usr/sbin:/sbin shell=${shell.pid}\n`,
    { mode: 0o644 },
  )
  return { directory, shell }
}
