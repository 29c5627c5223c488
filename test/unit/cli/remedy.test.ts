/** Promise: what is told to try can be pasted from a narrow terminal; what is no command is a comment. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { wrapRemedy } from '../../../runtime/cli/remedy.ts'
import { PROBES } from '../../../runtime/see/doctor/probes.ts'

const COMMAND = "sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&psi=1 /' /etc/default/grub && sudo update-grub && sudo reboot"

test('what fits stays as it is', () =>
  expect(wrapRemedy('uname -r  # a newer one', 60)).toEqual(['uname -r  # a newer one']))

test('a command is broken for the shell to read on, and its comment stands below, each line one', () =>
  expect(
    wrapRemedy(`${COMMAND}  # or run it in a machine of its own, where this is so from the beginning`, 50),
  ).toEqual([
    "sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&psi=1 /' \\",
    '  /etc/default/grub && sudo update-grub && sudo \\',
    '  reboot',
    '# or run it in a machine of its own, where this is',
    '# so from the beginning',
  ]))

test('a hash in quotes is none', () =>
  expect(wrapRemedy(`echo 'a # b' | sudo tee /etc/a-file-with-a-long-name`, 40).join(' ')).not.toMatch(/^# /m))

test.each(PROBES.map(({ id, advice }) => [id, advice]))(
  'the remedy of %s is read by a shell as it is shown',
  (_, advice) => {
    const { status, stderr } = spawnSync('sh', ['-n', '-c', wrapRemedy(advice, 69).join('\n')], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  },
)
