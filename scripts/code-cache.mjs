/**
 * usage: node scripts/code-cache.mjs BUNDLE
 * Writes BUNDLE.cache: the compiled code of the CLI, which saves a tenth of its start. V8 takes it only if its version is
 * the same, and compiles as ever if not. It is taken after a run of main(), since code is compiled when it is called.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import Module, { createRequire } from 'node:module'
import { dirname } from 'node:path'
import vm from 'node:vm'

const bundle = process.argv[2]
const script = new vm.Script(Module.wrap(readFileSync(bundle, 'utf8')), { filename: bundle })
const loaded = { exports: {} }
script.runInThisContext()(loaded.exports, createRequire(bundle), loaded, bundle, dirname(bundle))
process.on('exit', () => writeFileSync(`${bundle}.cache`, script.createCachedData()))
loaded.exports.main(['--help'])
