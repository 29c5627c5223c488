/** Vagrantfile: as Vagrant itself reads it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { execa } from 'execa'
import { afterAll, expect, test } from 'vitest'

const home = mkdtempSync('/tmp/gp-vagrant-')
afterAll(() => {
  rmSync(home, { recursive: true })
})

/** `vagrant validate` knows the settings of the providers that are there; each is asked for by its name. */
const validate = (env: Record<string, string> = {}) =>
  execa('vagrant', ['validate'], {
    env: { VAGRANT_HOME: home, VAGRANT_DOTFILE_PATH: `${home}/dot`, ...env },
    cwd: new URL('../../..', import.meta.url).pathname,
    reject: false,
    stdin: 'ignore',
  })

test('vagrant finds nothing wrong in Vagrantfile, for libvirt and for VirtualBox', async () => {
  for (const provider of ['libvirt', 'virtualbox']) {
    const { exitCode, stdout, stderr } = await validate({ VAGRANT_DEFAULT_PROVIDER: provider })
    expect({ provider, exitCode, said: exitCode === 0 ? '' : stdout + stderr }).toEqual({
      provider,
      exitCode: 0,
      said: '',
    })
  }
})
