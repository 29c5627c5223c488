import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isFailure } from '../../../../runtime/errors.ts'
import { parseManifests, parsePodNames } from '../../../../runtime/spec/manifest/manifest.ts'
import { containerName, planContainerBody, planPodRequest } from '../../../../runtime/spec/manifest/request.ts'

const pod = (spec: string, metadata = 'name: web') => `apiVersion: v1
kind: Pod
metadata: {${metadata}}
spec:
${spec
  .split('\n')
  .map((line) => `  ${line}`)
  .join('\n')}
`
const ONE = 'containers: [{name: a, image: busybox}]'
const inContainer = (text: string) => pod(`containers:\n- name: a\n  image: busybox\n  ${text}`)

/** All that is told of a file that is refused. */
const refusal = (text: string): string => {
  try {
    parseManifests(text, 'f')
  } catch (error) {
    if (!isFailure(error)) throw error
    return [error.message, ...(error.facts.found?.split('\n').map((line) => line.trim()) ?? [])].join('\n')
  }
  return 'nothing'
}

const bodyOf = (text: string) => {
  const [manifest] = parseManifests(text, 'f')
  const [container] = manifest?.containers ?? []
  if (manifest === undefined || container === undefined) throw new Error('no container')
  return planContainerBody(manifest, container, '/pod/volumes')
}

describe('a manifest', () => {
  test('becomes what run and pod create would have asked for', () => {
    const [manifest] = parseManifests(
      pod(
        `hostname: shop
shareProcessNamespace: true
restartPolicy: OnFailure
hostAliases: [{ip: 10.1.2.3, hostnames: [db, db.local]}]
volumes:
- {name: data, emptyDir: {}}
- {name: fast, emptyDir: {medium: Memory, sizeLimit: 8Mi}}
- {name: src, hostPath: {path: /srv, type: Directory}}
containers:
- name: a
  image: busybox
  imagePullPolicy: Always
  command: [sh, -c]
  args: ['echo $(WHO) $$(WHO) $(NOBODY)']
  env: [{name: WHO, value: me}, {name: TWICE, value: $(WHO)-$(WHO)}, {name: EMPTY}]
  workingDir: /tmp
  tty: true
  stdin: true
  ports: [{containerPort: 80, hostPort: 8080, hostIP: 127.0.0.1}, {containerPort: 53, protocol: UDP}]
  volumeMounts: [{name: data, mountPath: /data}, {name: src, mountPath: /src, readOnly: true}]
  resources: {limits: {cpu: 500m, memory: 64Mi}, requests: {cpu: "0.25", memory: 32Mi}}
  securityContext:
    runAsUser: 1000
    runAsGroup: 100
    readOnlyRootFilesystem: true
    allowPrivilegeEscalation: false
    capabilities: {add: [NET_ADMIN], drop: [ALL]}`,
        'name: web, labels: {app: shop}',
      ),
      'f',
    )
    if (manifest?.containers[0] === undefined) throw new Error('nothing parsed')
    expect(planPodRequest(manifest)).toEqual({
      name: 'web',
      hostname: 'shop',
      labels: { app: 'shop' },
      share: ['net', 'ipc', 'uts', 'pid'],
      network: 'bridge',
      extraHosts: ['db:10.1.2.3', 'db.local:10.1.2.3'],
      publish: ['127.0.0.1:8080:80/tcp'],
      memoryVolumes: [{ name: 'fast', size: 8 * 1024 * 1024 }],
      volumes: ['data'],
      played: true,
    })
    expect(manifest.containers[0].pull).toBe('always')
    expect(containerName(manifest, manifest.containers[0])).toBe('web-a')
    expect(planContainerBody(manifest, manifest.containers[0], '/pod/volumes')).toEqual({
      Image: 'busybox',
      Entrypoint: ['sh', '-c'],
      Cmd: ['echo me $(WHO) $(NOBODY)'],
      Env: ['WHO=me', 'TWICE=me-me', 'EMPTY='],
      WorkingDir: '/tmp',
      User: '1000:100',
      Tty: true,
      OpenStdin: true,
      StdinOnce: false,
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      HostConfig: {
        NanoCpus: 500_000_000,
        Memory: 67_108_864,
        MemorySwap: 67_108_864,
        CpuShares: 256,
        MemoryReservation: 33_554_432,
        CapAdd: ['NET_ADMIN'],
        CapDrop: ['ALL'],
        ReadonlyRootfs: true,
        SecurityOpt: ['no-new-privileges'],
        Binds: ['/pod/volumes/data:/data', '/srv:/src:ro'],
        RestartPolicy: { Name: 'on-failure' },
      },
    })
  })

  test('is restarted always, and shares no processes, where it says nothing of that', () => {
    const [manifest] = parseManifests(pod(ONE), 'f')
    expect(manifest).toMatchObject({ hostname: 'web', network: 'bridge', restart: { Name: 'always' } })
    expect(manifest?.share).toEqual(['net', 'ipc', 'uts'])
    expect(bodyOf(pod(ONE)).HostConfig?.RestartPolicy).toEqual({ Name: 'always' })
  })

  test('without a command keeps that of the image', () => {
    const body = bodyOf(pod(ONE))
    expect(body).not.toHaveProperty('Entrypoint')
    expect(body).not.toHaveProperty('Cmd')
  })

  test('of several documents are several pods; empty ones are none', () => {
    const text = `---\n${pod(ONE)}---\n---\n# nothing\n---\n${pod(ONE, 'name: api')}`
    expect(parseManifests(text, 'f').map(({ name }) => name)).toEqual(['web', 'api'])
    expect(parsePodNames(text, 'f')).toEqual(['web', 'api'])
  })

  test('may be JSON', () => {
    const json = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'default' },
      spec: { containers: [{ name: 'a', image: 'b', env: null }], hostPID: false, dnsPolicy: 'Default' },
    })
    expect(parseManifests(json, 'f')).toHaveLength(1)
  })

  test('inherits the user of its pod, container by container', () => {
    const text = pod(`securityContext: {runAsUser: 7}\n${ONE}`)
    expect(bodyOf(text).User).toBe('7')
    expect(bodyOf(text.replace('busybox}', 'busybox, securityContext: {runAsUser: 8}}')).User).toBe('8')
  })

  test('asks for the processors that it is limited to, where it asks for none', () => {
    const sharesOf = (resources: string) => bodyOf(inContainer(`resources: ${resources}`)).HostConfig?.CpuShares
    expect(sharesOf('{limits: {cpu: 2}}')).toBe(2048)
    expect(sharesOf('{limits: {cpu: 2}, requests: {cpu: 500m}}')).toBe(512)
    expect(sharesOf('{limits: {memory: 64Mi}}')).toBeUndefined()
  })

  test('may be given by aliases', () => {
    const text = inContainer('env: [{name: A, value: &v one}, {name: B, value: *v}]')
    expect(bodyOf(text).Env).toEqual(['A=one', 'B=one'])
  })
})

describe('is refused, by line and path and reason:', () => {
  test.each([
    [
      inContainer('livenessProbe: {}'),
      'f:8: spec.containers[0].livenessProbe: not supported yet: nothing probes containers here',
    ],
    [pod(`initContainers: []\n${ONE}`), 'f:5: spec.initContainers: not supported yet: containers start together here'],
    [pod(`contaners: []\n${ONE}`), 'f:5: spec.contaners: unknown field'],
    [inContainer('constructor: 1'), 'f:8: spec.containers[0].constructor: unknown field'],
    [inContainer('__proto__: {image: x}'), 'f:8: spec.containers[0].__proto__: unknown field'],
    [
      inContainer('env: [{name: A, value: 1}]'),
      'f:8: spec.containers[0].env[0].value: must be a string (quote it), not the number 1',
    ],
    [
      inContainer('env: [{name: A, valueFrom: {}}]'),
      'f:8: spec.containers[0].env[0].valueFrom: not supported yet: values are written out here',
    ],
    [
      inContainer('ports: [{containerPort: 70000}]'),
      'f:8: spec.containers[0].ports[0].containerPort: must be a whole number from 1 to 65535, not the number 70000',
    ],
    [inContainer('ports: [{hostPort: 80}]'), "f:8: spec.containers[0].ports[0]: 'containerPort' is missing"],
    [
      inContainer('ports: [{containerPort: 1, protocol: SCTP}]'),
      "f:8: spec.containers[0].ports[0].protocol: must be one of TCP, UDP, not 'SCTP'",
    ],
    [
      inContainer('volumeMounts: [{name: x, mountPath: /x}]'),
      "f:8: spec.containers[0].volumeMounts[0]: no volume is called 'x'",
    ],
    [
      inContainer('volumeMounts: [{name: x, mountPath: x}]'),
      "f:8: spec.containers[0].volumeMounts[0].mountPath: 'x' is not an absolute path",
    ],
    [
      inContainer('resources: {limits: {memory: lots}}'),
      "f:8: spec.containers[0].resources.limits.memory: 'lots' is no quantity: write 64Mi or 128M",
    ],
    [
      inContainer('resources: {limits: {cpu: 1}, requests: {cpu: 1500m}}'),
      'f:8: spec.containers[0].resources: requests.cpu is more than limits.cpu',
    ],
    [
      inContainer('securityContext: {privileged: true}'),
      'f:8: spec.containers[0].securityContext.privileged: not supported: nothing here is privileged',
    ],
    [
      inContainer('securityContext: {runAsNonRoot: true}'),
      'f:8: spec.containers[0].securityContext.runAsNonRoot: not supported yet: say which user with runAsUser',
    ],
    [
      pod(`volumes: [{name: a, configMap: {}}]\n${ONE}`),
      'f:5: spec.volumes[0].configMap: not supported yet: volumes are emptyDir and hostPath',
    ],
    [
      pod(`volumes: [{name: a, emptyDir: {sizeLimit: 1Gi}}]\n${ONE}`),
      'f:5: spec.volumes[0].emptyDir.sizeLimit: not supported yet: on a disk nothing enforces it; with medium: Memory it holds',
    ],
    [
      pod(`volumes: [{name: a, hostPath: {path: /a/../b}}]\n${ONE}`),
      "f:5: spec.volumes[0].hostPath.path: '/a/../b' has .. in it",
    ],
    [pod('containers: []'), 'f:5: spec: a pod needs containers'],
    [pod('containers: [{name: a, image: b}, {name: a, image: b}]'), "f:5: spec.containers[1]: the name 'a' twice"],
    [
      pod('containers: [{name: A_b, image: b}]'),
      "f:5: spec.containers[0].name: 'A_b' is not a name of small letters, digits and -, 63 at most",
    ],
    [pod(ONE, 'labels: {a: b}'), "f:3: metadata: 'name' is missing"],
    [
      pod(ONE, 'name: web, namespace: shop'),
      'f:3: metadata.namespace: not supported: there are no namespaces of Kubernetes here',
    ],
    [
      'kind: Deployment\napiVersion: v1\nmetadata: {name: a}\nspec: {}',
      "f:1: kind: only Pods are played, not 'Deployment': write its template as a Pod",
    ],
    ['just a text', 'f:1: must be a mapping, not the string "just a text"'],
  ])('%#', (text, sentence) => {
    expect(refusal(text).split('\n')).toContain(sentence)
  })

  test('of what is no Pod only that is said, and the Pod beside it is looked at', () => {
    const list = 'apiVersion: v1\nkind: List\nitems: []\n---\nkind: Secret\ndata: {}\n---\nkind: Own\nspec: {}\n'
    expect(refusal(`${list}---\n${inContainer('tty: 1')}`).split(/\n\s*/)).toEqual([
      "f:2: kind: only Pods are played, not 'List': write its items as documents, with --- between them",
      "f:5: kind: only Pods are played, not 'Secret': values are written out in the Pod",
      "f:8: kind: only Pods are played, not 'Own'",
      'f:18: spec.containers[0].tty: must be true or false, not the number 1',
    ])
  })

  test('what it says is one line, whatever it is', () => {
    expect(refusal('kind: "a\\nerror: b"')).toBe("f:1: kind: only Pods are played, not 'a\\nerror: b'")
  })

  test('all that is wrong is said at once', () => {
    const told = refusal(pod('dnsPolicy: ClusterFirst\nnodeName: x\ncontainers: [{image: b, tty: 1}]'))
    expect(told.split('\n')).toEqual([
      'f:5: spec.dnsPolicy: not supported: names are resolved by the node’s own forwarder',
      'f:6: spec.nodeName: not supported yet: there is no scheduler: a pod runs on this machine',
      'f:7: spec.containers[0].tty: must be true or false, not the number 1',
      "f:7: spec.containers[0]: 'name' is missing",
    ])
  })

  test('two pods of one name, and a file of nothing', () => {
    expect(refusal(`${pod(ONE)}---\n${pod(ONE)}`)).toBe("f: two pods are called 'web'")
    expect(refusal('# nothing\n')).toBe('f is empty')
  })
})

describe('hostile YAML', () => {
  test('a key twice', () => {
    expect(refusal('kind: Pod\nkind: Pod\n')).toMatch(/^f:2: .*unique/)
  })

  test('what is no YAML, with its line', () => {
    expect(refusal('a: [1\nb: 2')).toMatch(/^f:\d: /)
    expect(refusal('a: "x')).toMatch(/^f:\d: /)
    expect(refusal('a: !!js/function "x"')).toMatch(/^f:1: /)
  })

  test('anchors that stand for billions', () => {
    const levels = Array.from(
      { length: 12 },
      (_, n) =>
        `l${n}: &l${n} [${Array(9)
          .fill(n === 0 ? 'x' : `*l${n - 1}`)
          .join(', ')}]`,
    )
    expect(refusal(levels.join('\n'))).toContain('more than 20000 values')
  })

  test('an alias that holds itself, and one of nobody', () => {
    expect(refusal('a: &a [*a]')).toMatch(/nested deeper|more than|no anchor|unresolved alias/)
    expect(refusal('a: *nobody')).toMatch(/^f:1: /)
  })

  test.each([100, 2000, 100_000])('%i levels', (levels) => {
    expect(refusal(`a: ${'['.repeat(levels)}${']'.repeat(levels)}`)).toMatch(/^f:1: nested deeper/)
  })

  test('keys that are no text', () => {
    expect(refusal('? [a, b]\n: c')).toContain('a key is no string')
    expect(refusal('1: c')).toContain('a key is no string')
  })

  test('whatever comes, it is a pod or a sentence', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'&*!|>-{}[]:,#\'"%@` \n\tapod1') }), (text) => {
        expect(refusal(text)).not.toBe('nothing')
      }),
      { numRuns: 2000 },
    )
  })

  test('any value in any place is taken or refused by its path', () => {
    const places = ['metadata', 'spec', 'hostname', 'volumes', 'containers', 'restartPolicy', 'hostAliases']
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.jsonValue({ maxDepth: 3 }), (place, value) => {
        const whole: Record<string, unknown> = {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'web' },
          spec: { containers: [{ name: 'a', image: 'b' }], [place]: value },
        }
        if (place in whole) whole[place] = value
        const told = refusal(JSON.stringify(whole))
        expect(told === 'nothing' || /^f:\d+: /.test(told)).toBe(true)
      }),
    )
  })
})
