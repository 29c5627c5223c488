/** The agent speaks Docker's API: dockerode is the client, and no test here uses the command line for what it asserts. */
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { buffer, json, text } from 'node:stream/consumers'
import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeRoot } from '../fixtures/glasspod.ts'

const root = makeRoot()
let docker: Docker

const create = (script: string, more: Docker.ContainerCreateOptions = {}) =>
  docker.createContainer({
    Image: root.image,
    Cmd: ['sh', '-c', script],
    ...more,
    HostConfig: { NetworkMode: 'none', ...more.HostConfig },
  })

/** Both streams of an attached connection, apart. */
const demultiplex = async (stream: NodeJS.ReadableStream): Promise<{ stdout: string; stderr: string }> => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  docker.modem.demuxStream(stream, stdout, stderr)
  stream.once('end', () => (stdout.end(), stderr.end()))
  stream.once('close', () => (stdout.end(), stderr.end()))
  const [out, error] = await Promise.all([text(stdout), text(stderr)])
  return { stdout: out, stderr: error }
}

beforeAll(async () => {
  await root.seedImage()
  docker = root.docker()
})
afterAll(root.teardown)

test('ping, version and info', async () => {
  expect(String(await docker.ping())).toBe('OK')
  expect(await docker.version()).toMatchObject({ Os: 'linux', ApiVersion: expect.stringMatching(/^1\.\d+$/) as string })
  expect(await docker.info()).toMatchObject({ Driver: 'overlay', CgroupVersion: '2' })
})

test('images: pull with progress, list, inspect, 404', async () => {
  const stream = await docker.pull(root.image)
  const events = await new Promise<{ status?: string }[]>((resolve, reject) =>
    docker.modem.followProgress(stream, (error, output: { status?: string }[]) =>
      error ? reject(error) : resolve(output),
    ),
  )
  expect(events.length).toBeGreaterThan(0)
  expect((await docker.listImages()).flatMap(({ RepoTags }) => RepoTags)).toContain(root.image)
  expect(await docker.getImage(root.image).inspect()).toMatchObject({ Os: 'linux', Config: { Cmd: ['sh'] } })
  await expect(docker.getImage('nobody').inspect()).rejects.toMatchObject({ statusCode: 404 })
})

describe('a container', () => {
  test('create, attach, start, wait: output apart and the exit code', async () => {
    const container = await create('echo to out; echo to err >&2; exit 7')
    const stream = await container.attach({ stream: true, stdout: true, stderr: true, hijack: true })
    const output = demultiplex(stream)
    const waiting = container.wait({ condition: 'next-exit' }) as Promise<{ StatusCode: number }>
    await container.start()
    expect(await waiting).toMatchObject({ StatusCode: 7 })
    expect(await output).toEqual({ stdout: 'to out\n', stderr: 'to err\n' })
    await container.remove()
  })

  test('attach with standard input: what is written comes back, and nothing else', async () => {
    const container = await create('cat', { OpenStdin: true, StdinOnce: true, AttachStdin: true })
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true })
    const output = demultiplex(stream)
    await container.start()
    stream.end('exactly this\n')
    expect(await output).toEqual({ stdout: 'exactly this\n', stderr: '' })
    expect(await container.wait()).toMatchObject({ StatusCode: 0 })
    await container.remove()
  })

  test('logs, whole and by tail', async () => {
    const container = await create('seq 5; echo error >&2')
    await container.start()
    await container.wait()
    const read = async (options: { stderr: boolean; tail?: number }) => {
      const stream = new PassThrough()
      stream.end(await container.logs({ stdout: true, ...options }))
      return demultiplex(stream)
    }
    expect(await read({ stderr: true })).toEqual({ stdout: '1\n2\n3\n4\n5\n', stderr: 'error\n' })
    // Of one stream: two streams have two pumps, and which of them is first is nobody's promise.
    expect(await read({ stderr: false, tail: 2 })).toEqual({ stdout: '4\n5\n', stderr: '' })
    await container.remove()
  })

  test('inspect and list tell its state', async () => {
    const container = await create('sleep 1000', { name: 'listed', Labels: { kind: 'api' } })
    expect((await container.inspect()).State).toMatchObject({ Status: 'created', Running: false })
    expect(await docker.listContainers()).toEqual([])
    await container.start()
    const [found] = await docker.listContainers({ filters: { label: ['kind=api'] } })
    expect(found).toMatchObject({ Id: container.id, Names: ['/listed'], State: 'running', Image: root.image })
    expect((await container.inspect()).State).toMatchObject({ Status: 'running', Running: true })
    await container.kill()
    expect(await container.wait()).toMatchObject({ StatusCode: 137 })
    await container.remove()
    await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 })
  })

  test('exec with output and exit code', async () => {
    const container = await create('sleep 1000')
    await container.start()
    const exec = await container.exec({
      Cmd: ['sh', '-c', 'echo out; echo err >&2; exit 3'],
      AttachStdout: true,
      AttachStderr: true,
    })
    expect(await demultiplex(await exec.start({ hijack: true, stdin: false }))).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
    })
    expect(await exec.inspect()).toMatchObject({ ExitCode: 3, Running: false })
    await container.remove({ force: true })
  })

  test('exec with standard input', async () => {
    const container = await create('sleep 1000')
    await container.start()
    const exec = await container.exec({ Cmd: ['cat'], AttachStdin: true, AttachStdout: true })
    const stream = await exec.start({ hijack: true, stdin: true })
    const output = demultiplex(stream)
    stream.end('exactly this\n')
    expect((await output).stdout).toBe('exactly this\n')
    await container.remove({ force: true })
  })

  test('a terminal is one stream of bytes', async () => {
    const container = await create('tty; until stty size 2>/dev/null | grep .; do sleep 0.05; done', {
      Tty: true,
      OpenStdin: true,
    })
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true })
    const output = buffer(stream)
    await container.start()
    await container.resize({ h: 30, w: 100 })
    expect(await container.wait()).toMatchObject({ StatusCode: 0 })
    expect((await output).toString()).toMatch(/^\/dev\/(pts\/\d+|console)\r\n30 100\r\n$/)
    await container.remove()
  })

  test('AutoRemove: it is gone when wait(removed) answers', async () => {
    const container = await create('exit 2', { HostConfig: { AutoRemove: true } })
    const waiting = container.wait({ condition: 'removed' }) as Promise<{ StatusCode: number }>
    await container.start()
    expect(await waiting).toMatchObject({ StatusCode: 2 })
    await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 })
  })

  test('a command that is one text is one word, for a container as for an exec', async () => {
    // dockerode's types know lists only; Docker's API takes both.
    const oneWord = (text: string) => text as unknown as string[]
    const create = (Cmd: string) =>
      docker.createContainer({ Image: root.image, Cmd: oneWord(Cmd), HostConfig: { NetworkMode: 'none' } })
    const container = await create('sleep 1000')
    await expect(container.start()).rejects.toMatchObject({
      statusCode: 400,
      message: /execute "sleep 1000": not found/,
    })
    await container.remove()

    const running = await create('yes')
    await running.start()
    const run = async (Cmd: string) => {
      const exec = await running.exec({ Cmd: oneWord(Cmd), AttachStdout: true, AttachStderr: true })
      const output = await demultiplex(await exec.start({ hijack: true, stdin: false }))
      return { ...output, code: (await exec.inspect()).ExitCode }
    }
    expect(await run('hostname')).toEqual({ stdout: `${running.id.slice(0, 12)}\n`, stderr: '', code: 0 })
    expect(await run('echo a')).toMatchObject({ stdout: '', code: 127 })
    await running.remove({ force: true })
  })

  test('a body of the wrong form is 400 with the place that is wrong, and nothing is made', async () => {
    const before = await docker.listContainers({ all: true })
    const wrong = (body: object) => docker.createContainer({ Image: root.image, ...body })
    await expect(wrong({ Cmd: [5] })).rejects.toMatchObject({ statusCode: 400, message: /Cmd\[0\] is not a string/ })
    await expect(wrong({ Cmd: ['a\0b'] })).rejects.toMatchObject({
      statusCode: 400,
      message: /Cmd\[0\] has a NUL byte/,
    })
    await expect(wrong({ Env: ['A=\0'] })).rejects.toMatchObject({
      statusCode: 400,
      message: /Env\[0\] has a NUL byte/,
    })
    await expect(wrong({ HostConfig: { Binds: 5 } })).rejects.toMatchObject({ statusCode: 400 })
    await expect(wrong({ StopSignal: 'SIGMOON' })).rejects.toMatchObject({ statusCode: 400 })
    expect(await docker.listContainers({ all: true })).toEqual(before)
  })

  test('stop takes a number of seconds, and nothing else', async () => {
    const container = await create('sleep 1000')
    await container.start()
    await expect(container.stop({ t: 'soon' as never })).rejects.toMatchObject({ statusCode: 400 })
    expect((await container.inspect()).State.Running).toBe(true)
    await container.remove({ force: true })
  })

  test('errors have the statuses of Docker, and one sentence', async () => {
    await expect(docker.createContainer({ Image: 'nobody:here' })).rejects.toMatchObject({ statusCode: 404 })
    const container = await create('true', { name: 'twice' })
    await expect(create('true', { name: 'twice' })).rejects.toMatchObject({ statusCode: 409 })
    await expect(docker.getContainer('nobody').start()).rejects.toMatchObject({ statusCode: 404 })
    await container.remove()
  })
})

describe('POST /glasspod/run', () => {
  const ID = 'c0ffee'.padEnd(64, '0')
  const bodyOf = (...command: string[]) => ({
    Image: root.image,
    Cmd: command,
    HostConfig: { NetworkMode: 'none', AutoRemove: true },
  })
  const post = (query: string, body: object, headers: Record<string, string> = {}) => {
    const text = JSON.stringify(body)
    const asked = request({
      socketPath: `${root.dir}/run/agent.sock`,
      method: 'POST',
      path: `/glasspod/run${query}`,
      headers: { ...headers, 'content-length': Buffer.byteLength(text) },
    })
    asked.end(text)
    return asked
  }
  const answer = async (query: string, body: object): Promise<{ status: number | undefined; body: unknown }> => {
    const [response] = (await once(post(query, body), 'response')) as [IncomingMessage]
    return { status: response.statusCode, body: await json(response) }
  }

  test('makes one and starts it, with the id that the client chose; no second one has it', async () => {
    expect(await answer(`?id=${ID}`, bodyOf('sleep', '1000'))).toMatchObject({ status: 201, body: { Id: ID } })
    expect(await docker.getContainer(ID).inspect()).toMatchObject({ State: { Running: true } })
    expect(await answer(`?id=${ID}`, bodyOf('true'))).toMatchObject({ status: 409, body: { id: 'container.id' } })
    await docker.getContainer(ID).remove({ force: true })
    expect(await answer('?id=../../etc', bodyOf('true'))).toMatchObject({ status: 400, body: { id: 'container.id' } })
  })

  test('leaves nothing of one that does not start', async () => {
    const body = { ...bodyOf('no-such-command'), HostConfig: { NetworkMode: 'none' } }
    expect(await answer(`?id=${ID}`, body)).toMatchObject({ status: 400, body: { exitCode: 127 } })
    await expect(docker.getContainer(ID).inspect()).rejects.toMatchObject({ statusCode: 404 })
  })

  test('with an upgrade: all output, and an exit code that can be asked for when it has removed itself', async () => {
    const asked = post(`?id=${ID}&stdout=1&stderr=1`, bodyOf('sh', '-c', 'echo first; exit 5'), {
      connection: 'Upgrade',
      upgrade: 'tcp',
    })
    const [response, socket, head] = (await once(asked, 'upgrade')) as [IncomingMessage, Socket, Buffer]
    socket.unshift(head)
    expect(response.headers['glasspod-position']).toBe('0.0')
    expect(await demultiplex(socket)).toEqual({ stdout: 'first\n', stderr: '' })
    const waiting = docker.getContainer(ID).wait({ condition: 'removed' }) as Promise<{ StatusCode: number }>
    expect(await waiting).toMatchObject({ StatusCode: 5 })
    await expect(docker.getContainer(ID).inspect()).rejects.toMatchObject({ statusCode: 404 })
  })

  test('with an upgrade: a failure is an answer, not a stream', async () => {
    const asked = post(`?id=${ID}&stdout=1`, bodyOf('no-such-command'), { connection: 'Upgrade', upgrade: 'tcp' })
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    expect(await json(response)).toMatchObject({ exitCode: 127 })
  })
})
