/** A place to play in: a directory, a shell, a glasspod of its own with an image; and all of it taken back. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync, chmodSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { $ } from 'zx'
import { buildDemoImage } from '../../test/fixtures/demo-image.ts'
import { pushLayout, startRegistry } from '../../test/fixtures/registry.ts'
import { Shell } from './shell.ts'

/** dist/scripts/learn.mjs is two levels below bin/. */
const BIN = new URL('../../bin/glasspod', import.meta.url).pathname

export interface Place {
  directory: string
  shell: Shell
  /** @returns what could not be taken back, as sentences for the reader */
  end: () => Promise<string[]>
}

/** The commands of the levels are called by their names; a path of a test comes first. */
const environment = (directory: string): NodeJS.ProcessEnv => {
  const { NODE_EXTRA_CA_CERTS: _slow, ...env } = process.env
  return {
    ...env,
    PATH: `${directory}/bin:${env['PATH'] ?? ''}:/usr/sbin:/sbin`,
    GLASSPOD_ROOT: `${directory}/root`,
    DIR: directory,
    NO_COLOR: '1',
    COLUMNS: '78',
  }
}

/** As the shell calls it. */
const installGlasspod = (directory: string): void => {
  const file = `${directory}/bin/glasspod`
  writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`)
  chmodSync(file, 0o755)
}

const pullImage = async (env: NodeJS.ProcessEnv): Promise<string> => {
  const layout = await mkdtemp(join(tmpdir(), 'glasspod-learn-image-'))
  const registry = await startRegistry({ detached: true })
  try {
    await buildDemoImage('/bin/busybox', layout)
    const image = `${registry.host}/learn:1`
    await pushLayout(layout, image)
    await $({ env, quiet: true, stdio: ['ignore', 'pipe', 'pipe'] })`glasspod pull -q ${image}`
    return image
  } finally {
    await registry.stop()
    await rm(layout, { recursive: true, force: true })
  }
}

/** Files of subordinate ids are their owner's to remove in a user namespace only. */
const removeFiles = (directory: string): void => {
  try {
    execFileSync('rm', ['-rf', directory], { stdio: 'ignore' })
  } catch {
    execFileSync('unshare', ['--map-root-user', '--map-auto', 'rm', '-rf', directory], { stdio: 'inherit' })
  }
}

export const makePlace = async ({ image }: { image: boolean }): Promise<Place> => {
  const directory = mkdtempSync(join(tmpdir(), 'gp-learn-'))
  chmodSync(directory, 0o711)
  execFileSync('mkdir', ['-m', '755', `${directory}/bin`])
  installGlasspod(directory)
  const env = environment(directory)
  const reset = async (): Promise<string[]> => {
    // at once: a reset asks first, and process 1 of most levels does not listen
    await $({ env, nothrow: true, quiet: true })`glasspod ps -aq | xargs -r glasspod rm -f`
    const { exitCode, stderr } = await $({ env, nothrow: true, quiet: true })`glasspod system reset --force`
    return exitCode === 0 ? [] : [stderr.trimEnd()]
  }
  let shell: Shell | undefined
  const end = async (): Promise<string[]> => {
    const faults = image ? await reset() : []
    const left = (await shell?.end()) ?? []
    removeFiles(directory)
    return left.length === 0 ? faults : [...faults, `${left.join(', ')}`]
  }
  try {
    if (image) env['IMAGE'] = await pullImage(env)
    shell = new Shell({ directory, env })
    return { directory, shell, end }
  } catch (error) {
    await end()
    throw error
  }
}
