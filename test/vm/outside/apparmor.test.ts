/**
 * What AppArmor may take from an ordinary user. Debian's kernel does not have Ubuntu's switch; a
 * profile without the right to make user namespaces does to unshare(1) what the first does to every program.
 */
import { afterAll, expect, test } from 'vitest'
import { asRoot, tryAsPod } from '../../fixtures/machine.ts'

const PROFILE = '/run/glasspod-test-profile'

const ask = async (id: string) => {
  const { exitCode, stdout } = await tryAsPod(`glasspod doctor --format json ${id}`)
  return { exitCode, findings: JSON.parse(stdout) as { id: string; status: string; found: string }[] }
}

afterAll(async () => {
  await asRoot(`[ ! -e ${PROFILE} ] || apparmor_parser --remove ${PROFILE}; rm -f ${PROFILE}`)
})

test('a profile that keeps unshare(1) from making user namespaces is a blocker, and what was found is said', async () => {
  await asRoot(
    `printf '%s\\n' 'abi <abi/4.0>,' 'profile glasspod-test /usr/bin/unshare {' 'file,' 'capability,' 'signal,' 'unix,' 'network,' '}' >${PROFILE}` +
      ` && apparmor_parser --replace ${PROFILE}`,
  )
  const { exitCode, findings } = await ask('userns.create')
  expect(exitCode).toBe(1)
  expect(findings).toEqual([
    expect.objectContaining({
      id: 'userns.create',
      status: 'blocker',
      found: expect.stringMatching(/EACCES|Permission denied/) as string,
    }),
  ])
})
