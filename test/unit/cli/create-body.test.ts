import { describe, expect, it } from 'vitest'
import { CONTAINER_OPERANDS, RUN_OPTIONS } from '../../../runtime/cli/container-options.ts'
import { makeCreateRequest, resolveBind } from '../../../runtime/cli/create-body.ts'
import { EXEC_OPERANDS, EXEC_OPTIONS, makeExecBody } from '../../../runtime/cli/exec-body.ts'
import { parseOptions } from '../../../runtime/cli/options.ts'
import { POD_OPTIONS, makePodBody } from '../../../runtime/cli/pod-body.ts'
import { NO_OPERANDS } from '../../../runtime/cli/verb.ts'
import { parseExplain } from '../../../runtime/cli/explain/options.ts'
import { parseExplained } from '../../../runtime/cli/verbs/explain.ts'

const FILES: Record<string, string> = {
  '/here/vars': '# comment\n\nA=1 2\nHOME\n  B="q"\nUNSET\n',
  '/here/bad': 'A B=1\n',
  '/here/profile.json': '{ "defaultAction": "SCMP_ACT_ERRNO" }',
  '/here/broken.json': '{',
}
const around = {
  cwd: '/here',
  env: { HOME: '/root' },
  read: (path: string) => {
    const text = FILES[path]
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    return text
  },
}

const requestOf = (line: string) => {
  const { values, operands } = parseOptions(line.split(' '), {
    name: 'run',
    options: RUN_OPTIONS,
    operands: CONTAINER_OPERANDS,
  })
  // as it goes over the socket: without what is undefined
  return JSON.parse(JSON.stringify(makeCreateRequest(values, operands, around))) as {
    query: unknown
    body: Record<string, unknown>
  }
}

describe('run flags', () => {
  it('make the smallest body for the smallest command', () => {
    expect(requestOf('busybox')).toMatchInlineSnapshot(`
      {
        "body": {
          "AttachStderr": true,
          "AttachStdin": false,
          "AttachStdout": true,
          "Glasspod": {},
          "HostConfig": {},
          "Image": "busybox",
          "OpenStdin": false,
          "StdinOnce": false,
          "Tty": false,
        },
        "query": {},
      }
    `)
  })

  it('make Docker JSON, and raw texts for the agent to judge', () => {
    expect(
      requestOf(
        '-it --rm --name web --pod shop --platform linux/arm64 -e A=b -e HOME -e NONE -w /srv -u 1:2 -h box ' +
          '-v ./data:/data:ro -v /abs:/x -v named:/y --network none -l k=v=w -l bare --cap-add NET_RAW ' +
          '--cap-drop ALL --read-only --tmpfs /run:size=1m --tmpfs /tmp --security-opt no-new-privileges ' +
          '--security-opt seccomp=profile.json --add-host db:10.0.0.2 --entrypoint /bin/sh --stop-signal QUIT ' +
          '-m 64m --cpus 0.5 --pids-limit 20 -p 8080:80 --ulimit nofile=10:20 --no-pivot busybox:1 -c ls',
      ),
    ).toMatchInlineSnapshot(`
      {
        "body": {
          "AttachStderr": true,
          "AttachStdin": true,
          "AttachStdout": true,
          "Cmd": [
            "-c",
            "ls",
          ],
          "Entrypoint": [
            "/bin/sh",
          ],
          "Env": [
            "A=b",
            "HOME=/root",
          ],
          "Glasspod": {
            "noPivot": true,
            "publish": [
              "8080:80",
            ],
            "ulimits": [
              "nofile=10:20",
            ],
          },
          "HostConfig": {
            "AutoRemove": true,
            "Binds": [
              "/here/data:/data:ro",
              "/abs:/x",
              "named:/y",
            ],
            "CapAdd": [
              "NET_RAW",
            ],
            "CapDrop": [
              "ALL",
            ],
            "ExtraHosts": [
              "db:10.0.0.2",
            ],
            "Memory": 67108864,
            "NanoCpus": 500000000,
            "NetworkMode": "none",
            "PidsLimit": 20,
            "ReadonlyRootfs": true,
            "SecurityOpt": [
              "no-new-privileges",
              "seccomp={"defaultAction":"SCMP_ACT_ERRNO"}",
            ],
            "Tmpfs": {
              "/run": "size=1m",
              "/tmp": "",
            },
          },
          "Hostname": "box",
          "Image": "busybox:1",
          "Labels": {
            "bare": "",
            "k": "v=w",
          },
          "OpenStdin": true,
          "StdinOnce": true,
          "StopSignal": "QUIT",
          "Tty": true,
          "User": "1:2",
          "WorkingDir": "/srv",
        },
        "query": {
          "name": "web",
          "platform": "linux/arm64",
          "pod": "shop",
        },
      }
    `)
  })

  it('attach nothing when detached', () => {
    expect(requestOf('-d -i busybox').body).toMatchObject({
      OpenStdin: true,
      StdinOnce: false,
      AttachStdin: false,
      AttachStdout: false,
      AttachStderr: false,
    })
  })

  it('read variables from files, flags after them', () => {
    expect(requestOf('--env-file vars -e A=2 busybox').body['Env']).toEqual(['A=1 2', 'HOME=/root', 'B="q"', 'A=2'])
  })

  it('take an entrypoint of several words, and none', () => {
    expect(requestOf('--entrypoint ["sh","-c"] busybox').body['Entrypoint']).toEqual(['sh', '-c'])
    expect(requestOf('--entrypoint= busybox').body['Entrypoint']).toEqual([''])
  })

  it('make Docker’s numbers and lists of limits', () => {
    expect(
      requestOf(
        '--memory 64m --memory-swap -1 --memory-reservation 32m --cpu-shares 512 --cpu-period 5000 --cpu-quota -1 ' +
          '--cpuset-cpus 0-1 --cpuset-mems 0 --pids-limit=-1 --device-read-bps /dev/vda:1mb ' +
          '--device-write-iops /dev/vda:10 --cgroup-conf memory.high=48m --oom-score-adj 100 busybox',
      ).body['HostConfig'],
    ).toEqual({
      Memory: 64 * 1024 * 1024,
      MemorySwap: -1,
      MemoryReservation: 32 * 1024 * 1024,
      CpuShares: 512,
      CpuPeriod: 5000,
      CpuQuota: -1,
      CpusetCpus: '0-1',
      CpusetMems: '0',
      PidsLimit: -1,
      BlkioDeviceReadBps: [{ Path: '/dev/vda', Rate: 1024 * 1024 }],
      BlkioDeviceWriteIOps: [{ Path: '/dev/vda', Rate: 10 }],
      CgroupConf: { 'memory.high': '48m' },
      OomScoreAdj: 100,
    })
    expect(requestOf('--memory 0 --cpus 0 busybox').body['HostConfig']).toEqual({})
    expect(() => requestOf('--memory lots busybox')).toThrow("invalid size: 'lots'")
  })

  it('name the file that is at fault', () => {
    expect(() => requestOf('--env-file none busybox')).toThrow('--env-file: read /here/none: ENOENT')
    expect(() => requestOf('--env-file bad busybox')).toThrow(`bad:1: a variable's name has no spaces: "A B=1"`)
    expect(() => requestOf('--security-opt seccomp=broken.json busybox')).toThrow('broken.json is no JSON')
    expect(() => requestOf('-e =x busybox')).toThrow('"=x" names no variable')
    expect(() => requestOf('--entrypoint [1] busybox')).toThrow('--entrypoint [1] is no JSON array of words')
  })

  it('resolve only sources that are relative paths', () => {
    expect(resolveBind('./a:/b', '/here')).toBe('/here/a:/b')
    expect(resolveBind('..:/b:ro', '/here/x')).toBe('/here:/b:ro')
    expect(resolveBind('.:/b', '/here')).toBe('/here:/b')
    expect(resolveBind('.hidden:/b', '/here')).toBe('.hidden:/b')
    expect(resolveBind('/only', '/here')).toBe('/only')
  })
})

describe('other bodies', () => {
  it('exec', () => {
    const { values, operands } = parseOptions(['-it', '-u', '1', '-e', 'A=b', '-w', '/', 'web', 'ls', '-l'], {
      name: 'exec',
      options: EXEC_OPTIONS,
      operands: EXEC_OPERANDS,
    })
    expect(JSON.stringify(makeExecBody(values, operands.slice(1), around))).toMatchInlineSnapshot(
      `"{"AttachStdin":true,"AttachStdout":true,"AttachStderr":true,"Tty":true,"Cmd":["ls","-l"],"Env":["A=b"],"WorkingDir":"/","User":"1"}"`,
    )
  })

  it('pod create', () => {
    const parse = (...args: string[]) =>
      makePodBody(parseOptions(args, { name: 'pod create', options: POD_OPTIONS, operands: NO_OPERANDS }).values)
    expect(
      JSON.stringify(parse('--name', 'shop', '--share', 'net,pid', '-p', '80:80', '--network', 'none', '-l', 'a=b')),
    ).toMatchInlineSnapshot(
      `"{"Name":"shop","Share":["net","pid"],"Publish":["80:80"],"Labels":{"a":"b"},"Network":"none"}"`,
    )
    expect(parse('--memory', '64m', '--pids-limit', '9').Limits).toEqual({ Memory: 64 * 1024 * 1024, PidsLimit: 9 })
    expect(() => parse('--share', 'net,user')).toThrow('--share takes net, ipc, uts, pid, not "user"')
  })

  it('explain sends what the verb would send', async () => {
    expect(await parseExplained(['run', '--name', 'web', '--pod', 'p', 'busybox', 'ls', '-l'])).toMatchObject({
      query: { verb: 'run', name: 'web', pod: 'p' },
      body: { Image: 'busybox', Cmd: ['ls', '-l'] },
    })
    expect(await parseExplained(['exec', 'web', 'ls'])).toMatchObject({
      query: { verb: 'exec', name: 'web' },
      body: { Cmd: ['ls'] },
    })
    expect(await parseExplained(['pod', 'create', '--name', 'p'])).toMatchObject({
      query: { verb: 'pod-create' },
      body: { Name: 'p' },
    })
    expect(await parseExplained(['stop', '-t', '2', 'web'])).toEqual({ query: { verb: 'stop', name: 'web', t: 2 } })
    expect(await parseExplained(['kill', '-s', 'HUP', 'web'])).toEqual({
      query: { verb: 'kill', name: 'web', signal: 'HUP' },
    })
    expect(await parseExplained(['pod', 'rm', '-f', 'shop'])).toEqual({
      query: { verb: 'pod-rm', name: 'shop', force: true },
    })
    expect(await parseExplained(['update', '--pids-limit', '5', 'web'])).toEqual({
      query: { verb: 'update', name: 'web' },
      body: { PidsLimit: 5 },
    })
    expect(await parseExplained(['load', '-i', 'a.tar'])).toEqual({ query: { verb: 'load', name: 'a.tar' } })
    expect(await parseExplained(['load', '-i', '-'])).toEqual({ query: { verb: 'load' } })
    await expect(parseExplained(['rm', 'a', 'b'])).rejects.toThrow('glasspod explain rm takes one name')
    await expect(parseExplained(['images'])).rejects.toThrow(
      'glasspod explain takes run, create, exec, pod create, start, stop, restart, play, down, kill, pause, unpause, update, rm, pull, load, rmi, pod start, pod stop, pod pause, pod unpause, pod rm, rootless, not "images"',
    )
  })

  it('--format says how --explain tells it, and alone it is refused', () => {
    expect(parseExplain({ explain: true, format: undefined })).toBe('text')
    expect(parseExplain({ explain: true, format: 'strace' })).toBe('strace')
    expect(parseExplain({ explain: false, format: undefined })).toBeUndefined()
    expect(() => parseExplain({ explain: false, format: 'json' })).toThrow('--explain is missing')
  })
})
