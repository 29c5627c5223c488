/** The agent and its host: /version, /info, /_ping, /glasspod/agent. */
import { cpus, hostname, totalmem, type } from 'node:os'
import type { Agent } from '../agent.ts'
import { Failure } from '../../errors.ts'
import { hostArch } from '../../init/program.ts'
import { readHandedDown } from '../../kernel/cgroups/controllers.ts'
import { readPss } from '../../kernel/processes.ts'
import { route, Status, type Answer, type Route } from '../http.ts'
import { isTrue } from './query.ts'
import { secondsOf } from './seconds.ts'

/** The version of Docker's API that these answers follow. */
const API_VERSION = '1.43'
const MIN_API_VERSION = '1.24'

/** Clients negotiate by these headers before their first call. */
const ping: Answer = ({ response }) => {
  response.setHeader('api-version', API_VERSION)
  response.setHeader('ostype', 'linux')
  return new Status(200, 'OK')
}

export const systemRoutes = (agent: Agent): Route[] => [
  route('GET', '/_ping', ping),
  route('HEAD', '/_ping', ping),
  route('GET', '/version', () => ({
    Version: __VERSION__,
    ApiVersion: API_VERSION,
    MinAPIVersion: MIN_API_VERSION,
    GitCommit: __BUILD_ID__,
    Os: 'linux',
    Arch: process.arch === 'x64' ? 'amd64' : process.arch,
    KernelVersion: agent.node.kernel,
    Components: [{ Name: 'glasspod', Version: __VERSION__, Details: { Build: __BUILD_ID__, Node: process.version } }],
  })),
  route('GET', '/info', async ({ raw }) => ({
    ID: agent.node.paths.root,
    Name: hostname(),
    ServerVersion: __VERSION__,
    OperatingSystem: type(),
    KernelVersion: agent.node.kernel,
    Architecture: hostArch(),
    NCPU: cpus().length,
    MemTotal: totalmem(),
    Driver: await agent.storage.forClient(raw.headers),
    DriverStatus: await agent.storage.describe(),
    CgroupVersion: '2',
    CgroupDriver: agent.node.cgroup === undefined ? 'none' : 'cgroupfs',
    SecurityOptions: ['name=seccomp,profile=builtin', 'name=rootless', 'name=userns'],
    Containers: agent.containers.all.size,
    ContainersRunning: agent.running.filter((container) => !agent.leaves.isPaused(container)).length,
    ContainersPaused: agent.running.filter((container) => agent.leaves.isPaused(container)).length,
    ContainersStopped: agent.containers.all.size - agent.running.length,
    Images: (await (await agent.images.store()).list()).length,
    Warnings: agent.warnings,
    DockerRootDir: agent.node.paths.root,
    Glasspod: {
      root: agent.node.paths.root,
      imageStore: agent.node.paths.images,
      runtimeDirectory: agent.node.paths.run,
      cgroup: agent.node.cgroup ?? null,
      cgroupReason: agent.node.holder?.cgroupReason ?? null,
      controllers: agent.node.cgroup === undefined ? [] : readHandedDown(agent.node.cgroup),
      mappedIds: agent.node.host.mappedIds,
      uplink: agent.network.read()?.uplink?.program ?? null,
      uplinkMissing: agent.network.read()?.uplinkMissing ?? null,
      uplinkRemedy: agent.network.read()?.uplinkRemedy ?? null,
    },
  })),
  route('GET', '/system/df', async () => (await import('./disk-usage.ts')).answerDiskUsage(agent)),
  route('GET', '/glasspod/agent', () => ({
    pid: process.pid,
    startedAt: agent.startedAt.toISOString(),
    uptimeSeconds: Math.round(process.uptime()),
    memory: { pssBytes: readPss(process.pid) ?? process.memoryUsage.rss(), rssBytes: process.memoryUsage.rss() },
    containers: { running: agent.running.length, total: agent.containers.all.size },
    pods: [...agent.pods.all.values()].filter(({ implicit }) => !implicit).length,
    buildId: __BUILD_ID__,
    version: __VERSION__,
    root: agent.node.paths.root,
    socket: `${agent.node.paths.run}/agent.sock`,
  })),
  route('POST', '/glasspod/agent/stop', async ({ query }) => {
    const force = isTrue(query.get('force'))
    if (agent.isNeeded && !force)
      throw new Failure('the agent is needed: there are containers or pods that run', {
        id: 'agent.busy',
        found: agent.needing.join(', '),
        try: 'glasspod agent stop --force: it stops them first',
        status: 409,
        exitCode: 125,
      })
    await agent.stopAll(secondsOf(query))
    await agent.pods.settled()
    await agent.network.stop()
    setImmediate(agent.leave, 'with-holder')
    return undefined
  }),
  // Another build is about to take over: containers run on, and the next agent adopts them.
  route('POST', '/glasspod/agent/reexec', () => {
    setImmediate(agent.leave)
    return undefined
  }),
]
