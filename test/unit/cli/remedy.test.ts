/** Promise: what is told to try can be pasted from a narrow terminal; what is no command is a comment. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { wrapRemedy, wrapShell } from '../../../runtime/cli/remedy.ts'
import { PROBES } from '../../../runtime/see/doctor/probes.ts'

const COMMAND = "sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&psi=1 /' /etc/default/grub && sudo update-grub && sudo reboot"

test('what fits stays as it is', () =>
  expect(wrapShell('uname -r  # a newer one', 60)).toEqual(['uname -r  # a newer one']))

test('a command is broken for the shell to read on, and its comment stands below, each line one', () =>
  expect(wrapShell(`${COMMAND}  # or run it in a machine of its own, where this is so from the beginning`, 50)).toEqual(
    [
      "sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&psi=1 /' \\",
      '  /etc/default/grub && sudo update-grub && sudo \\',
      '  reboot',
      '# or run it in a machine of its own, where this is',
      '# so from the beginning',
    ],
  ))

test('a hash in quotes is none', () =>
  expect(wrapShell(`echo 'a # b' | sudo tee /etc/a-file-with-a-long-name`, 40).join(' ')).not.toMatch(/^# /m))

test('an error that tells a remedy of doctor breaks it in the same way', () => {
  const advice = `${COMMAND}  # or run it in a machine of its own`
  expect(wrapRemedy(advice, 50)).toEqual(wrapShell(advice, 50))
})

const LONG = `/sys/fs/cgroup/user.slice/${'a'.repeat(60)}`

/** As a shell reads it. */
const read = (lines: readonly string[]): string =>
  lines
    .join('\n')
    .replaceAll(/ \\\n +/g, ' ')
    .replaceAll(/;\n/g, '; ')
    .replaceAll(/\s+# [^]*$/g, '')
    .trim()

test.each([
  ...PROBES.map(({ advice }) => advice),
  `sudo mount -o remount,exec ${LONG}`,
  `find ${LONG} -depth -type d -delete`,
  `ls o'brien ${LONG}`,
])('%s is the same for a shell when it is wrapped', (advice) => {
  const lines = wrapShell(advice, 69)
  const { status, stderr } = spawnSync('sh', ['-n', '-c', advice.includes("o'b") ? '' : lines.join('\n')], {
    encoding: 'utf8',
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const command = advice.replace(/\s*# .*$/, '')
  expect(advice.startsWith('#') ? '' : read(lines)).toBe(command)
})
