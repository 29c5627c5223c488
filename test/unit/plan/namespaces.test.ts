import { readlinkSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  NAMESPACES,
  namespacePath,
  planJoin,
  planUnshare,
  readNamespaceInode,
} from '../../../runtime/kernel/namespaces.ts'
import { strace } from './strace.ts'

describe('namespaces', () => {
  it('are made one by one, each with its reason, its man page and a way to see it', () => {
    const calls = planUnshare(NAMESPACES)
    expect(strace(calls)).toMatchInlineSnapshot(`
      "unshare(CLONE_NEWUSER)
      unshare(CLONE_NEWIPC)
      unshare(CLONE_NEWUTS)
      unshare(CLONE_NEWNET)
      unshare(CLONE_NEWCGROUP)
      unshare(CLONE_NEWNS)
      unshare(CLONE_NEWPID)"
    `)
    expect(calls.map(({ id, man, see }) => `${id} ${man} ${see}`)).toMatchInlineSnapshot(`
      [
        "namespaces.user user_namespaces(7) readlink /proc/self/ns/user",
        "namespaces.ipc ipc_namespaces(7) readlink /proc/self/ns/ipc",
        "namespaces.uts uts_namespaces(7) readlink /proc/self/ns/uts",
        "namespaces.net network_namespaces(7) readlink /proc/self/ns/net",
        "namespaces.cgroup cgroup_namespaces(7) readlink /proc/self/ns/cgroup",
        "namespaces.mnt mount_namespaces(7) readlink /proc/self/ns/mnt",
        "namespaces.pid pid_namespaces(7) readlink /proc/self/ns/pid",
      ]
    `)
    expect(new Set(calls.map(({ why }) => why)).size).toBe(NAMESPACES.length)
  })

  it('are joined by a descriptor of a process', () => {
    expect(strace(planJoin('pidfd', ['net', 'mnt']))).toBe('setns($pidfd, CLONE_NEWNET|CLONE_NEWNS)')
  })

  it('are told apart by their inode numbers', () => {
    for (const name of NAMESPACES)
      expect(`${name}:[${readNamespaceInode('self', name)}]`).toBe(readlinkSync(namespacePath(process.pid, name)))
    expect(readNamespaceInode(2 ** 22 + 1, 'net')).toBe(undefined)
  })
})
