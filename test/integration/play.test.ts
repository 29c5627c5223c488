/** `play` makes pods of Kubernetes manifests, whole or not at all, and `down` takes them back. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  chmodSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isDead, makeRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { hasUsableTun } from '../fixtures/netns.ts'
import { freePort } from '../fixtures/registry.ts'
import { expectNoResidue } from '../fixtures/residue.ts'

const root = makeRoot()
/** Which the system user may write too. */
const shared = mkdtempSync('/tmp/gp-play-')
chmodSync(shared, 0o777)

interface Container {
  name: string
  [field: string]: unknown
}

const manifest = (name: string, containers: Container[], spec: Record<string, unknown> = {}): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: { containers: containers.map((container) => ({ image: root.image, ...container })), ...spec },
  })

const SLEEP = ['sleep', '1000']
const play = (text: string, flags: readonly string[] = []) => root.glasspod(['play', ...flags, '-'], { input: text })
const down = (text: string, flags: readonly string[] = []) => root.glasspod(['down', ...flags, '-'], { input: text })
const played = async (text: string, flags: readonly string[] = []): Promise<void> => {
  expect(await play(text, flags)).toMatchObject({ exitCode: 0, stderr: '' })
}
const state = async (name: string) => (await root.inspect(name)).State
const namespaceOf = async (name: string, kind: string) => readlinkSync(`/proc/${(await state(name)).Pid}/ns/${kind}`)

interface PodInspected {
  InfraPid: number
  Phase: string
  IP: string
  Labels: Record<string, string>
}
const inspectPod = async (name: string): Promise<PodInspected> =>
  (JSON.parse(await root.ok(['pod', 'inspect', name])) as [PodInspected])[0]

beforeAll(root.seedImage)
afterAll(async () => {
  await root.teardown()
  rmSync(shared, { recursive: true, force: true })
})

test('two containers share the network of one pause process, and down leaves nothing', async () => {
  const before = await root.residue()
  const text = manifest('web', [
    { name: 'one', command: SLEEP, env: [{ name: 'WHO', value: 'me' }], workingDir: '/tmp' },
    { name: 'two', command: ['sh', '-c'], args: ['echo $(pwd); exec sleep 1000'] },
  ])
  const { stdout } = await play(text)
  expect(stdout.split('\n').map((line) => line.replace(/^[0-9a-f]{64}$/, 'ID'))).toEqual([
    ...['Pod:', 'ID', 'Containers:', 'ID', 'ID'],
  ])
  const { InfraPid, Labels, Phase } = await inspectPod('web')
  for (const kind of ['net', 'ipc', 'uts'])
    for (const name of ['web-one', 'web-two'])
      expect(await namespaceOf(name, kind)).toBe(readlinkSync(`/proc/${InfraPid}/ns/${kind}`))
  expect(await namespaceOf('web-one', 'pid')).not.toBe(await namespaceOf('web-two', 'pid'))
  expect(Labels).toEqual({ app: 'web' })
  expect(Phase).toBe('Running')
  const { Pid } = await state('web-one')
  expect(readFileSync(`/proc/${Pid}/environ`, 'utf8').split('\0')).toContain('WHO=me')
  expect(readlinkSync(`/proc/${Pid}/cwd`)).toMatch(/\/tmp$/)
  expect(await root.ok(['exec', 'web-one', 'hostname'])).toBe('web')

  const again = await play(text)
  expect(again.exitCode).toBe(125)
  expect(again.stderr).toContain("the pod name 'web' is in use")
  await played(text, ['--replace'])
  expect(isDead(InfraPid)).toBe(true)
  expect((await inspectPod('web')).InfraPid).not.toBe(InfraPid)

  const gone = await down(text, ['-t', '0'])
  expect(gone.stdout).toMatch(/^Pods removed:\n[0-9a-f]{64}$/)
  await expectNoResidue(root.dir, before)
  const nothing = await down(text)
  expect(nothing).toMatchObject({ exitCode: 1, stdout: '' })
  expect(nothing.stderr).toContain('no such pod: web')
})

test('a container that dies is started again in the same pod; the phase goes from Running to Succeeded or Failed', async () => {
  const dies = manifest('dies', [{ name: 'main', command: SLEEP }])
  await played(dies)
  const before = await inspectPod('dies')
  const first = (await state('dies-main')).Pid
  process.kill(first, 'SIGKILL')
  await until('another process runs', async () => {
    const { Pid, Running } = await state('dies-main')
    return Running && Pid > 0 && Pid !== first
  })
  expect((await inspectPod('dies')).IP).toBe(before.IP)
  expect(await namespaceOf('dies-main', 'net')).toBe(readlinkSync(`/proc/${before.InfraPid}/ns/net`))
  expect(await down(dies, ['-t', '0'])).toMatchObject({ exitCode: 0 })

  const once = (code: number) => [{ name: 'main', command: ['sh', '-c', `exit ${code}`] }]
  const texts = [
    manifest('well', once(0), { restartPolicy: 'OnFailure' }),
    manifest('badly', once(3), { restartPolicy: 'Never' }),
  ].join('\n---\n')
  await played(texts)
  await until('both have ended', async () => (await inspectPod('badly')).Phase === 'Failed')
  await until('both have ended', async () => (await inspectPod('well')).Phase === 'Succeeded')
  expect(await down(texts)).toMatchObject({ exitCode: 0 })
})

test.skipIf(!hasUsableTun())(
  'a hostPort answers, and --replace checks that of the new pod before the old one goes [needs a usable /dev/net/tun]',
  async () => {
    const serving = (hostPort: number, fields: object = {}) =>
      manifest('site', [
        {
          name: 'main',
          command: ['httpd', '-f', '-h', '/www'],
          ports: [{ containerPort: 80, hostPort, hostIP: '127.0.0.1' }],
          ...fields,
        },
      ])
    const untilAnswered = (port: number) =>
      until('the port answers', () =>
        fetch(`http://127.0.0.1:${port}/`).then(
          (answer) => answer.text(),
          () => undefined,
        ),
      )
    const port = await freePort()
    await played(serving(port))
    expect(await untilAnswered(port)).toContain('It works, and you can see why.')
    const { InfraPid } = await inspectPod('site')

    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const held = (other.address() as AddressInfo).port
    const refused = await play(serving(held), ['--replace'])
    expect(refused).toMatchObject({ exitCode: 125, stdout: '' })
    expect(refused.stderr).toContain(`port ${held} is already in use`)
    other.close()
    const absent = await play(serving(port, { image: `${root.image}-absent`, imagePullPolicy: 'Never' }), ['--replace'])
    expect(absent.exitCode).toBe(125)
    expect(absent.stderr).toContain('no such image')
    expect((await inspectPod('site')).InfraPid).toBe(InfraPid)
    expect(await untilAnswered(port)).toContain('It works')

    // its own port is no obstacle
    await played(serving(port), ['--replace'])
    expect((await inspectPod('site')).InfraPid).not.toBe(InfraPid)
    expect(await untilAnswered(port)).toContain('It works')

    // an uplink that was killed comes back with the pod
    const { uplink } = JSON.parse(readFileSync(`${root.dir}/run/network.json`, 'utf8')) as { uplink: { pid: number } }
    process.kill(uplink.pid, 'SIGKILL')
    await until('the uplink is dead', () => isDead(uplink.pid))
    await played(serving(port), ['--replace'])
    expect(await untilAnswered(port)).toContain('It works')
    expect(await down(serving(port), ['-t', '0'])).toMatchObject({ exitCode: 0 })
  },
)

test('volumes: a directory and memory that live as long as the pod, and paths of the host', async () => {
  mkdirSync(`${shared}/src`)
  writeFileSync(`${shared}/src/file`, 'from the host\n')
  const text = manifest(
    'stores',
    [
      {
        name: 'one',
        command: ['sh', '-c', 'echo written >/data/file; echo quick >/fast/file; exec sleep 1000'],
        securityContext: { runAsUser: 1000, runAsGroup: 1000 },
        volumeMounts: [
          ...[
            { name: 'data', mountPath: '/data' },
            { name: 'fast', mountPath: '/fast' },
          ],
          ...[
            { name: 'src', mountPath: '/src', readOnly: true },
            { name: 'made', mountPath: '/made' },
          ],
        ],
      },
      {
        name: 'two',
        command: SLEEP,
        volumeMounts: [
          { name: 'data', mountPath: '/data' },
          { name: 'fast', mountPath: '/fast' },
        ],
      },
    ],
    {
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'fast', emptyDir: { medium: 'Memory', sizeLimit: '4Mi' } },
        { name: 'src', hostPath: { path: `${shared}/src`, type: 'Directory' } },
        { name: 'made', hostPath: { path: `${shared}/made/deep`, type: 'DirectoryOrCreate' } },
      ],
    },
  )
  await played(text)
  const mounts = () => state('stores-two').then(({ Pid }) => readFileSync(`/proc/${Pid}/mountinfo`, 'utf8'))
  expect(await mounts()).toMatch(/ \/ \/fast rw,nosuid,nodev\S* - tmpfs tmpfs rw,size=4096k/)
  const read = (file: string) => root.glasspod(['exec', 'stores-two', 'cat', file])
  await until('it is written', async () => (await read('/fast/file')).stdout === 'quick')
  expect((await read('/data/file')).stdout).toBe('written')
  expect(await root.ok(['exec', 'stores-one', 'cat', '/src/file'])).toBe('from the host')
  expect((await root.glasspod(['exec', 'stores-one', 'touch', '/src/file'])).exitCode).not.toBe(0)
  expect(existsSync(`${shared}/made/deep`)).toBe(true)
  // Both outlive a container that dies.
  const first = (await state('stores-two')).Pid
  process.kill(first, 'SIGKILL')
  await until('another process runs', async () => {
    const { Pid } = await state('stores-two')
    return Pid > 0 && Pid !== first
  })
  expect((await read('/fast/file')).stdout).toBe('quick')
  expect(await down(text, ['-t', '0'])).toMatchObject({ exitCode: 0, stderr: '' })
  expect(readFileSync(`${shared}/src/file`, 'utf8')).toBe('from the host\n')
})

test('containers see each other’s processes where the pod says so [needs a delegated cgroup]', async () => {
  const { Glasspod } = JSON.parse(await root.ok(['info', '--format', 'json'])) as {
    Glasspod: { cgroup: string | null }
  }
  const text = manifest(
    'sees',
    [
      { name: 'one', command: SLEEP },
      { name: 'two', command: SLEEP },
    ],
    {
      shareProcessNamespace: true,
    },
  )
  const { exitCode, stderr } = await play(text)
  if (Glasspod.cgroup === null) {
    expect(stderr).toContain('a pod cannot share its PID namespace here')
    return
  }
  expect(exitCode).toBe(0)
  expect(await namespaceOf('sees-one', 'pid')).toBe(await namespaceOf('sees-two', 'pid'))
  expect(await down(text, ['-t', '0'])).toMatchObject({ exitCode: 0 })
})

test('what fails half-way leaves nothing: a second pod of the file that cannot start takes the first one back', async () => {
  const before = await root.residue()
  const text = [
    manifest('first', [{ name: 'main', command: SLEEP }]),
    manifest('second', [{ name: 'main', command: ['/no/such/program'] }], {
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'made', hostPath: { path: `${shared}/back/deep`, type: 'DirectoryOrCreate' } },
        { name: 'file', hostPath: { path: `${shared}/back-file`, type: 'FileOrCreate' } },
      ],
    }),
  ].join('\n---\n')
  const { exitCode, stderr } = await play(text)
  expect(exitCode).toBe(127)
  expect(stderr).toContain('/no/such/program')
  expect(await root.ok(['pod', 'ps', '-q'])).toBe('')
  expect(await root.ok(['ps', '-aq'])).toBe('')
  expect(readdirSync(shared).filter((name) => name.startsWith('back'))).toEqual([])
  await expectNoResidue(root.dir, before)
})

test('what fails half-way leaves a hostPath of its making that another pod has mounted by then', async () => {
  // makes the lock of the addresses, and leaves it
  const before = manifest('before', [{ name: 'main', command: SLEEP }])
  await played(before)
  await down(before, ['-t', '0'])
  // while it is held, a pod waits for its address
  const holder = spawn('flock', [`${root.dir}/run/cni/lock`, 'sh', '-c', 'echo held; cat'])
  await once(holder.stdout, 'data')
  const volumes = ['taken', 'unused'].map((name) => ({
    name,
    hostPath: { path: `${shared}/${name}`, type: 'DirectoryOrCreate' },
  }))
  const failing = play(manifest('fails', [{ name: 'main', command: ['/no/such/program'] }], { volumes }))
  try {
    await until('both are made', () => volumes.every(({ hostPath }) => existsSync(hostPath.path)))
    await root.ok([
      ...['run', '-d', '--name', 'taker', '--network', 'none', '-v', `${shared}/taken:/taken`],
      ...[root.image, ...SLEEP],
    ])
  } finally {
    holder.stdin.end()
  }
  expect((await failing).exitCode).toBeGreaterThan(0)
  expect(readdirSync(shared).filter((name) => ['taken', 'unused'].includes(name))).toEqual(['taken'])
  await root.ok(['exec', 'taker', 'touch', '/taken/file'])
  expect(readdirSync(`${shared}/taken`)).toEqual(['file'])
  await root.ok(['rm', '-f', 'taker'])
})

test.each([
  ['a field that is not had', { livenessProbe: {} }, 'stdin:1: spec.containers[0].livenessProbe: not supported yet'],
  ['an unknown field', { comand: ['x'] }, 'stdin:1: spec.containers[0].comand: unknown field'],
])('%s is refused by its path before anything is made', async (_, field, sentence) => {
  const { exitCode, stderr } = await play(manifest('refused', [{ name: 'main', ...field }]))
  expect(exitCode).toBe(125)
  expect(stderr).toContain(sentence)
  expect(await root.ok(['pod', 'ps', '-q'])).toBe('')
})

test('a hostPath that is not as it says is refused, and nothing of it is made', async () => {
  const volumes = [
    { name: 'new', hostPath: { path: `${shared}/never`, type: 'DirectoryOrCreate' } },
    { name: 'a', hostPath: { path: `${shared}/absent`, type: 'File' } },
  ]
  const { exitCode, stderr } = await play(manifest('refused', [{ name: 'main' }], { volumes }))
  expect(exitCode).toBe(125)
  expect(stderr).toContain(`spec.volumes[1].hostPath: ${shared}/absent cannot be seen: ENOENT`)
  expect(existsSync(`${shared}/never`)).toBe(false)
})

test.each([
  [
    'a file below a directory that is not there',
    'FileOrCreate',
    'no/file',
    'cannot be made: there is no $/no',
    'mkdir -p $/no',
  ],
  [
    'a directory below a link that leads nowhere',
    'DirectoryOrCreate',
    'link/deep',
    'cannot be seen: $/link is a link that leads nowhere',
    'ls -l $/link',
  ],
  [
    'a directory where nobody of ours may write',
    'DirectoryOrCreate',
    '/usr/glasspod/deep',
    'cannot be made: /usr is not ours to write',
    'a path that this user may write',
  ],
  ['a file that is not there', 'File', 'absent', 'cannot be seen: ENOENT', 'type: FileOrCreate'],
])('%s is refused as a hostPath, with its place in the manifest', async (_, type, name, what, advice) => {
  const link = `${shared}/link`
  if (name.startsWith('link')) symlinkSync('/no/such/target', link)
  const path = resolve(shared, name)
  const volumes = [
    { name: 'new', hostPath: { path: `${shared}/never`, type: 'DirectoryOrCreate' } },
    { name: 'a', hostPath: { path, type } },
  ]
  const { exitCode, stderr } = await play(manifest('refused', [{ name: 'main' }], { volumes }))
  rmSync(link, { force: true })
  expect(exitCode).toBe(125)
  const said = stderr.replaceAll(shared, '$').replaceAll(/\n +/g, ' ')
  expect(said).toContain(`spec.volumes[1].hostPath: ${path.replace(shared, '$')} ${what}`)
  expect(said).toContain(`try    ${advice}`)
  expect(existsSync(`${shared}/never`)).toBe(false)
})

test('down leaves what play did not make', async () => {
  await root.ok(['pod', 'create', '--name', 'foreign', '--network', 'none'])
  const { exitCode, stderr } = await down(manifest('foreign', [{ name: 'main' }]))
  expect(exitCode).toBe(125)
  expect(stderr).toContain('pod foreign was not made by play')
  expect(await root.ok(['pod', 'ps', '-q'])).not.toBe('')
  await root.ok(['pod', 'rm', 'foreign'])
})

test('--dry-run and --format json make nothing, and say what would be', async () => {
  const text = manifest('plan', [{ name: 'main', ports: [{ containerPort: 80, hostPort: 8080 }] }])
  const [pod] = JSON.parse((await play(text, ['--dry-run', '--format', 'json'])).stdout) as [Record<string, unknown>]
  expect(pod).toMatchObject({ Name: 'plan', RestartPolicy: 'always', Containers: [{ Publish: ['8080:80/tcp'] }] })
  expect((await play(text, ['--dry-run'])).stdout).toMatch(/plan +bridge +always +plan-main /)
  expect(await root.ok(['pod', 'ps', '-q'])).toBe('')
})

test('a file that is not there, and one that is too large', async () => {
  const absent = await root.glasspod(['play', '/no/such.yaml'])
  expect(absent.stderr).toContain('read /no/such.yaml: ENOENT')
  const large = await play(`# ${'x'.repeat(1024 * 1024)}`)
  expect(large.exitCode).toBe(125)
  expect(large.stderr).toContain('stdin is over 1048576 bytes')
})
