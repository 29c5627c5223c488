/** The demo's steps, in order. Each shows something and checks what it shows. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildDemoImage } from '../../test/fixtures/demo-image.ts'
import { until } from '../../test/fixtures/glasspod-until.ts'
import { pushLayout, startRegistry } from '../../test/fixtures/registry.ts'
import type { Glasspod } from './commands.ts'
import { DemoFailure, type Stage } from './stage.ts'

const PAGE = 'It works, and you can see why.'
const REPOSITORY = 'glasspod-demo'
export const PODS = ['web', 'neighbour'] as const

interface Row {
  pod: string
  name: string
  kind: string
  inodes: Record<string, number>
}

const check = (fact: boolean, otherwise: string): void => {
  if (!fact) throw new DemoFailure(`error: the demo expected something else: ${otherwise}`)
}

/** A registry on loopback with the image in it. @returns the image's name */
export const serveImage = async (stage: Stage): Promise<string> => {
  stage.heading(
    'An image',
    "Debian's static busybox becomes an OCI image of three layers; the last one deletes a file.",
  )
  const layout = await mkdtemp(join(tmpdir(), 'glasspod-demo-'))
  stage.atEnd(() => rm(layout, { recursive: true, force: true }))
  const { digest, layers } = await buildDemoImage('/bin/busybox', layout)
  for (const layer of layers) stage.say(`   layer ${layer.digest.slice(0, 19)}  ${layer.size} bytes`)
  stage.say(`   index ${digest.slice(0, 19)}  for two architectures`)

  stage.heading('A registry', "Debian's docker-registry serves it on a free port of loopback.")
  const starting = startRegistry({ detached: true })
  stage.atEnd(() => starting.then(({ stop }) => stop()))
  const registry = await starting
  const image = `${registry.host}/${REPOSITORY}:1`
  await pushLayout(layout, image)
  stage.say(`   pushed ${image}`)
  return image
}

export const pullImage = async (stage: Stage, glasspod: Glasspod, image: string): Promise<void> => {
  stage.heading(
    'Pull',
    'Every layer is verified while it is unpacked, in a user namespace: no part of this needs root.',
  )
  await glasspod.show('pull', image)
  const images = await glasspod.json<{ RepoTags: string[] | null }[]>('images')
  const names = images.flatMap(({ RepoTags }) => RepoTags ?? [])
  check(names.includes(image), `${image} in the store`)
  // each run has another port, so another name for the same image: the last one stays
  const old = names.filter((name) => name !== image && new RegExp(`^localhost:\\d+/${REPOSITORY}:1$`).test(name))
  for (const name of old) await glasspod.quiet('rmi', name)
  await glasspod.show('images')
}

export const runWebPod = async (stage: Stage, glasspod: Glasspod, image: string): Promise<void> => {
  stage.heading(
    'A pod of two',
    'A pause process holds the namespaces; the client finds the server on 127.0.0.1, because they share one network.',
  )
  await glasspod.show('pod', 'create', '--name', 'web')
  await glasspod.show('run', '-d', '--pod', 'web', '--name', 'server', image, 'httpd', '-f', '-p', '80', '-h', '/www')
  const fetchPage = 'until wget -qO- http://127.0.0.1/; do sleep 0.1; done; exec sleep 3600'
  await glasspod.show('run', '-d', '--pod', 'web', '--name', 'client', image, 'sh', '-c', fetchPage)
  await until('the client has the page', async () => (await glasspod.quiet('logs', 'client')).includes(PAGE))
  await glasspod.show('logs', 'client')
}

export const runNeighbour = async (stage: Stage, glasspod: Glasspod, image: string): Promise<void> => {
  stage.heading('A neighbour', "A second pod has an address of its own, and reaches the first one's over the bridge.")
  await glasspod.show('pod', 'create', '--name', 'neighbour')
  await glasspod.show('run', '-d', '--pod', 'neighbour', '--name', 'visitor', image, 'sleep', '3600')
  const pods = await glasspod.json<{ Name: string; IP?: string }[]>('pod', 'ps')
  const address = pods.find(({ Name }) => Name === 'web')?.IP ?? ''
  check(address !== '', 'an address of pod web')
  const answer = await glasspod.show('exec', 'visitor', 'wget', '-qO-', `http://${address}/`)
  check(answer.includes(PAGE), `the page from ${address}`)
}

export const showAll = async (stage: Stage, glasspod: Glasspod): Promise<void> => {
  stage.heading('What runs', 'Containers and pods, as docker and podman list them.')
  const containers = await glasspod.show('ps')
  for (const name of ['server', 'client', 'visitor']) check(containers.includes(name), `${name} in the list`)
  const pods = await glasspod.show('pod', 'ps')
  for (const name of PODS) check(pods.includes(name), `pod ${name} in the list`)

  stage.heading(
    'Who shares what',
    'The inode numbers are from /proc/PID/ns; a letter marks a namespace that several are in.',
  )
  await glasspod.show('graph')
  const { rows } = await glasspod.json<{ rows: Row[] }>('graph')
  const inode = (name: string, namespace: string) => rows.find((row) => row.name === name)?.inodes[namespace]
  for (const shared of ['net', 'ipc', 'uts']) {
    check(inode('server', shared) === inode('client', shared), `server and client in one ${shared} namespace`)
    check(inode('server', shared) !== inode('visitor', shared), `the visitor in another ${shared} namespace`)
  }
  check(inode('server', 'mnt') !== inode('client', 'mnt'), 'a mount namespace for each')

  stage.heading('Who may use how much', 'One cgroup directory a pod, one leaf a container.')
  await glasspod.show('cgroup')
}

export const sayWhatToTry = (stage: Stage, root: string | undefined): void => {
  const glasspod = root === undefined ? 'bin/glasspod' : `bin/glasspod --root ${root}`
  stage.heading('Yours now', 'The pods run on. Some things to try:')
  stage.say(`   ${glasspod} exec -it client sh
   ${glasspod} logs -f server
   ${glasspod} explain run --rm IMAGE true      every step, with its reason and man page
   kill -9 $(${glasspod} agent status --format json | jq .pid); ${glasspod} ps
   ${glasspod} pod rm -f web neighbour; ${glasspod} agent stop`)
}
