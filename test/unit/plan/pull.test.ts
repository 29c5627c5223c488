import { describe, expect, it } from 'vitest'
import { planImageConfig, planLayers, planManifest } from '../../../runtime/plan/pull.ts'
import type { Step } from '../../../runtime/plan/step.ts'

const shellOf = (step: Step): string => (step.kind === 'call' ? (step.shell ?? '') : '')

describe('the shell lines of a pull', () => {
  it('get the token that Docker Hub wants, and send it with every request', () => {
    const hub = 'https://registry-1.docker.io/v2/library/busybox'
    expect(shellOf(planManifest(`${hub}/manifests/latest`)).split('\n')).toEqual([
      'TOKEN=$(curl -fsSLG -d service=registry.docker.io -d scope=repository:library/busybox:pull ' +
        `https://auth.docker.io/token | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')`,
      expect.stringMatching(/^curl -fsSL -H "Authorization: Bearer \$TOKEN" -H 'Accept: .*manifests\/latest$/),
    ])
    expect(shellOf(planImageConfig(`${hub}/blobs/$CONFIG`, '/images'))).toBe(
      `curl -fsSL -H "Authorization: Bearer $TOKEN" ${hub}/blobs/$CONFIG`,
    )
    expect(shellOf(planLayers([{ from: `${hub}/blobs/$LAYER`, diffId: 'sha256:abc' }], '/layers'))).toBe(
      `curl -fsSL -H "Authorization: Bearer $TOKEN" ${hub}/blobs/$LAYER | gunzip | tar -x -C /layers/abc`,
    )
  })

  it('ask other registries without', () => {
    expect(shellOf(planManifest('https://registry.example.com/v2/app/manifests/1'))).not.toContain('TOKEN')
  })
})
