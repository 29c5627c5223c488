import { describe, expect, it } from 'vitest'
import { DEFAULT_CAPABILITIES } from '../../../runtime/kernel/capabilities.ts'
import { DEFAULT_PROFILE } from '../../../runtime/kernel/seccomp/default-profile.ts'
import { resolveProfile } from '../../../runtime/kernel/seccomp/profile.ts'
import { planSeccomp } from '../../../runtime/spec/seccomp.ts'
import { refusal } from '../kernel/refusal.ts'

const context = (...capabilities: string[]) => ({ arch: 'x86_64' as const, kernel: '6.18', capabilities })
const OWN = JSON.stringify({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [
    { names: ['read'], action: 'SCMP_ACT_ALLOW' },
    { names: ['bpf'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_BPF'] } },
  ],
})
const own = (...capabilities: string[]) => planSeccomp([`seccomp=${OWN}`], context(...capabilities))

describe('linux.seccomp', () => {
  it.each([[[]], [['no-new-privileges']], [['seccomp=builtin']], [['seccomp:default']]])(
    'is the default profile with %j',
    (options) =>
      expect(planSeccomp(options, context(...DEFAULT_CAPABILITIES))).toEqual(
        resolveProfile(DEFAULT_PROFILE, context(...DEFAULT_CAPABILITIES)),
      ),
  )

  it('is absent without a filter', () => expect(planSeccomp(['seccomp=unconfined'], context())).toBeUndefined())

  it('is the same object for the same text and the capabilities that it asks about', () => {
    expect(own('CAP_KILL')).toBe(own())
    expect(own('CAP_BPF', 'CAP_KILL')).toBe(own('CAP_BPF'))
    expect(own('CAP_BPF')).not.toEqual(own())
  })

  it('is refused where the text is no profile', () =>
    expect(refusal(() => planSeccomp(['seccomp=x'], context()))).toContain('is not JSON'))
})
