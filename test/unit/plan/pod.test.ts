import { describe, expect, it } from 'vitest'
import { planLimits } from '../../../runtime/plan/limits.ts'
import { planHostPath } from '../../../runtime/plan/host-path.ts'
import { planPodCreation, planPodSteps, type PodInput } from '../../../runtime/plan/pod.ts'
import type { Step } from '../../../runtime/plan/step.ts'
import { formatStep } from '../../../runtime/see/explain.ts'

const input: PodInput = {
  directory: '/p',
  hostname: 'shop',
  share: ['net', 'ipc', 'uts'],
  network: 'bridge',
  watched: true,
  memory: true,
  cgroup: { path: '/g/pod', controllers: ['cpu', 'memory'], limits: [] },
  mappedIds: 65537,
  conflist: '/n/x.conflist',
  publish: ['8080:80'],
}
const { cgroup: _, ...withoutCgroup } = input
const shell = (steps: Step[]) =>
  steps
    .flatMap((step) => [formatStep(step), ...(step.undo === undefined ? [] : [`  # undo: ${formatStep(step.undo)}`])])
    .join('\n')

describe('a pod', () => {
  it('on the bridge is these steps, and this takes them back', () => {
    expect(shell(planPodSteps(input))).toMatchInlineSnapshot(`
      "mkdir -p /g/pod
        # undo: echo 1 > /g/pod/cgroup.kill; find /g/pod -depth -type d -exec rmdir {} +
      echo '+cpu +memory' > /g/pod/cgroup.subtree_control
      mkdir -p /g/pod/pause
      unshare --net --ipc --uts -- /p/pause
        # undo: kill -KILL $POD_PAUSE
      CNI_COMMAND=ADD CNI_NETNS=/proc/$POD_PAUSE/ns/net CNI_IFNAME=eth0 bridge < /n/x.conflist
        # undo: CNI_COMMAND=DEL CNI_NETNS=/proc/$POD_PAUSE/ns/net CNI_IFNAME=eth0 bridge < /n/x.conflist
      tee /p/hosts /p/hostname /p/resolv.conf
      mkdir -p /p/shm
      /p/memory
        # undo: umount /p/shm"
    `)
  })

  it('is made with its emptyDirs, which everybody may write; a hostPath is taken back while it is empty', () => {
    const missing = [
      { kind: 'directory', path: '/srv/a b', place: 'spec.volumes[0]' },
      { kind: 'file', path: '/srv/f', place: 'spec.volumes[1]' },
    ] as const
    expect(shell([...missing.map(planHostPath), ...planPodCreation('/p', ['data'])])).toMatchInlineSnapshot(`
      "mkdir -p -m 755 '/srv/a b'
        # undo: rmdir '/srv/a b'
      (umask 133; : >> /srv/f)
        # undo: [ -s /srv/f ] || rm /srv/f
      mkdir -p -m 700 /p
        # undo: rm -r /p
      mkdir -p -m 700 /p/volumes
        # undo: rm -r /p/volumes
      mkdir -p -m 777 /p/volumes/data
        # undo: rm -r /p/volumes/data
      mv /p/pod.json.tmp /p/pod.json"
    `)
  })

  it('without cgroup, bridge and shared memory is its pause process, and its files', () => {
    const steps = planPodSteps({ ...withoutCgroup, network: 'none', memory: false })
    expect(steps.map(({ id }) => id)).toEqual(['pod.pause', 'pod.files'])
  })

  it('hands no controllers down where there are none', () => {
    const ids = planPodSteps({ ...input, cgroup: { path: '/g', controllers: [], limits: [] } }).map(({ id }) => id)
    expect(ids).not.toContain('cgroups.controllers')
  })

  // cgroups(7): what a directory is limited to, all below it share; controllers go down a level at a time.
  it('is limited as one, before the first process is in', () => {
    const limits = planLimits({ memory: { limit: 64 }, pids: { limit: 9 } })
    const lines = shell(planPodSteps({ ...input, cgroup: { path: '/g/pod', controllers: ['memory', 'pids'], limits } }))
    expect(lines.split('\n').slice(0, 6)).toEqual([
      'mkdir -p /g/pod',
      '  # undo: echo 1 > /g/pod/cgroup.kill; find /g/pod -depth -type d -exec rmdir {} +',
      'echo 64 > /g/pod/memory.max',
      'echo 9 > /g/pod/pids.max',
      "echo '+memory +pids' > /g/pod/cgroup.subtree_control",
      'mkdir -p /g/pod/pause',
    ])
  })

  it.each<[Partial<PodInput>, string]>([
    [{}, 'unshare --net --ipc --uts -- /p/pause'],
    [{ network: 'host' }, 'unshare --ipc --uts -- /p/pause'],
    [{ share: ['uts'], network: 'none' }, 'unshare --uts -- /p/pause'],
  ])('that has %j makes what it shares', (more, line) => {
    expect(shell(planPodSteps({ ...input, ...more })).split('\n')).toContain(line)
  })

  it('brings loopback up only in a network of its own', () => {
    const pause = (network: PodInput['network']) =>
      planPodSteps({ ...input, network }).flatMap((step) => (step.kind === 'enter' ? step.inside : []))
    expect(pause('none').some(({ id }) => id.includes('loopback'))).toBe(true)
    expect(pause('host').some(({ id }) => id.includes('loopback'))).toBe(false)
  })

  it('gives every step a reason and a man page', () => {
    for (const { why, man } of planPodSteps(input))
      expect([why.endsWith('.'), /\(\d\)$/.test(man)]).toEqual([true, true])
  })
})
