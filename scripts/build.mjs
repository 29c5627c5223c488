/**
 * Builds dist/: three CommonJS bundles (CommonJS starts a third faster than ESM here), the zx scripts, and the CNI
 * plugins beside them. dist/ is whole by itself, so it can be copied to where another user can read it.
 */
import { createHash } from 'node:crypto'
import { chmod, copyFile, mkdir, readFile, readdir, rename, rm } from 'node:fs/promises'
import { rmSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { build } from 'esbuild'

const root = new URL('..', import.meta.url).pathname
const out = `${root}dist`
const staging = `${root}dist.${process.pid}`

const bundle = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
  absWorkingDir: root,
  minifySyntax: true,
  // Of V8's cached code there is no import(): it becomes require().
  supported: { 'dynamic-import': false },
  // For docker-daemon: only, and three times as large as the command line.
  external: ['dockerode'],
}
/** The CNI plugin, and what it reads. */
const PLUGIN_FILES = ['bridge', 'leases.sh']
const entries = { cli: 'runtime/cli/main.ts', agent: 'runtime/agent/main.ts', unpack: 'images/layer/thread.ts' }

const ignoreMissing = (error) => {
  if (error.code !== 'ENOENT') throw error
}

/** One id for one set of sources: the CLI and the agent compare theirs when they meet. */
const readBuildId = async () => {
  const { metafile } = await build({
    ...bundle,
    entryPoints: entries,
    outdir: out,
    metafile: true,
    write: false,
    format: 'cjs',
  })
  const hash = createHash('sha256')
  for (const input of [...Object.keys(metafile.inputs), ...PLUGIN_FILES.map((name) => `cni/${name}`)].sort())
    hash.update(input).update(await readFile(root + input))
  return hash.digest('hex').slice(0, 12)
}

const discard = () => rmSync(staging, { recursive: true, force: true })
process.on('exit', discard)
for (const [signal, number] of Object.entries({ SIGINT: 2, SIGTERM: 15 }))
  process.on(signal, () => process.exit(128 + number))

discard()
const { version } = JSON.parse(await readFile(`${root}package.json`, 'utf8'))
const define = { __BUILD_ID__: JSON.stringify(await readBuildId()), __VERSION__: JSON.stringify(version) }
await build({
  ...bundle,
  entryPoints: entries,
  outdir: staging,
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  define,
})

const scripts = (await readdir(`${root}scripts`))
  .filter((name) => name.endsWith('.mts'))
  .map((name) => `scripts/${name}`)
if (scripts.length > 0) {
  await build({
    ...bundle,
    // Modules, which have import() and no require().
    supported: {},
    entryPoints: scripts,
    outdir: `${staging}/scripts`,
    outExtension: { '.js': '.mjs' },
    format: 'esm',
    packages: 'external',
    define,
  })
}

await mkdir(`${staging}/cni`, { recursive: true })
for (const plugin of PLUGIN_FILES) {
  await copyFile(`${root}cni/${plugin}`, `${staging}/cni/${plugin}`)
  await chmod(`${staging}/cni/${plugin}`, 0o755)
}
// In a process of its own, because it runs the CLI.
execFileSync(process.execPath, [`${root}scripts/code-cache.mjs`, `${staging}/cli.cjs`], {
  stdio: ['ignore', 'ignore', 'inherit'],
})

// The new one is whole before the old one goes, and a build beside this one is no error: the last one stays.
const previous = `${out}.${process.pid}.old`
for (;;) {
  await rename(out, previous).catch(ignoreMissing)
  try {
    await rename(staging, out)
    break
  } catch (error) {
    if (error.code !== 'ENOTEMPTY') throw error
  } finally {
    await rm(previous, { recursive: true, force: true })
  }
}
