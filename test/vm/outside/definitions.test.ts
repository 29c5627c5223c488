/** Vagrantfile: as Vagrant itself reads it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { execa } from 'execa'
import { afterAll, expect, test } from 'vitest'

const home = mkdtempSync('/tmp/gp-vagrant-')
afterAll(() => {
  rmSync(home, { recursive: true })
})

/** The settings of libvirt are known to its plugin; those of VirtualBox are asked of VirtualBox, which Debian lacks. */
const validate = () =>
  execa('vagrant', ['validate'], {
    env: { VAGRANT_HOME: home, VAGRANT_DOTFILE_PATH: `${home}/dot`, VAGRANT_DEFAULT_PROVIDER: 'libvirt' },
    cwd: new URL('../../..', import.meta.url).pathname,
    reject: false,
    stdin: 'ignore',
  })

test('vagrant finds nothing wrong in Vagrantfile', async () => {
  const { exitCode, stdout, stderr } = await validate()
  expect({ exitCode, said: exitCode === 0 ? '' : stdout + stderr }).toEqual({ exitCode: 0, said: '' })
})
