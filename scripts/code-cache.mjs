/**
 * usage: node scripts/code-cache.mjs BUNDLE
 * Writes BUNDLE.ARCH.cache: the compiled code of the CLI, which saves a fifth of its start. V8 takes it only if its version is
 * the same, and compiles as ever if not. V8 compiles a function when it is called, so the cache is taken after the verbs
 * whose time counts have run, against a stand-in of the agent.
 */
import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import Module, { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import vm from 'node:vm'

const VERBS = [
  ['--help'],
  ['run', '--rm', 'image', 'true'],
  ['run', '-d', '--pod', 'pod', 'image', 'true'],
  ['exec', 'name', 'true'],
  ['ps', '-a'],
  ['pod', 'create', '--name', 'pod'],
  ['pod', 'rm', '-f', 'pod'],
]
const ID = '0'.repeat(64)
const CONTAINER = {
  Id: ID,
  Names: ['/name'],
  Image: 'i',
  Command: 'c',
  Created: 1,
  State: 'exited',
  Status: '',
  Ports: [],
}
/** One frame of standard output: two bytes. */
const FRAME = '\x01\0\0\0\0\0\0\x02x\n'

const STREAM = `HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n${FRAME}`
const THING = { ...CONTAINER, StatusCode: 0, ExitCode: 0, Name: 'pod', Config: {}, State: {} }

const answer = (request) => {
  if (/^upgrade:/im.test(request)) return STREAM
  const text = JSON.stringify(request.startsWith('GET /containers/json') ? [CONTAINER] : THING)
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`
}

/** A root directory whose agent answers anything. */
const standIn = async () => {
  const root = mkdtempSync(join(tmpdir(), 'gp-cache-'))
  process.on('exit', () => rmSync(root, { recursive: true, force: true }))
  symlinkSync(root, join(root, 'run'))
  // Root would become the system user, and could then not write the cache.
  if (process.getuid() === 0) chownSync(root, 1, 1)
  const { uid } = statSync(root)
  process.getuid = () => uid
  const server = createServer((socket) => socket.once('data', (request) => socket.end(answer(String(request)))))
  await new Promise((resolve) => server.listen(join(root, 'agent.sock'), resolve))
  return root
}

const bundle = process.argv[2]
const script = new vm.Script(Module.wrap(readFileSync(bundle, 'utf8')), { filename: bundle })
const loaded = { exports: {} }
script.runInThisContext()(loaded.exports, createRequire(bundle), loaded, bundle, dirname(bundle))
const root = await standIn()
for (const verb of VERBS) await loaded.exports.run(['--root', root, ...verb])
writeFileSync(`${bundle}.${process.arch}.cache`, script.createCachedData())
process.exit()
