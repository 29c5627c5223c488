import js from '@eslint/js'
import tseslint from 'typescript-eslint'
import { importDirections } from './scripts/import-directions.mjs'

/** Which folder may not reach which (scripts/import-directions.mjs). */
const zones = [
  {
    target: ['runtime/cli'],
    from: ['runtime', 'images', 'cni'],
    except: [
      'runtime/cli',
      'runtime/errors.ts',
      'runtime/rootless',
      'runtime/spec',
      'runtime/see/doctor',
      'runtime/see/host',
      'images/counted.ts',
      'images/reference.ts',
      'images/transport.ts',
      'images/archive/daemon.ts',
      'images/registry/settings.ts',
      'images/registry/credentials.ts',
      'images/registry/login-file.ts',
    ],
    why: "the CLI reaches the agent by its socket only; logins are the caller's, as with docker, and so is a docker daemon",
  },
  {
    target: ['images', 'cni'],
    from: ['runtime', 'images', 'cni'],
    except: ['images', 'cni', 'runtime/errors.ts', 'runtime/kernel'],
    why: 'images and cni are below the agent',
  },
  { target: ['images'], from: ['cni'], why: 'images know nothing of networks' },
  { target: ['cni'], from: ['images'], why: 'networks know nothing of images' },
  {
    target: ['runtime/spec', 'runtime/plan', 'runtime/init', 'runtime/kernel', 'runtime/pod', 'runtime/see'],
    // its probes ask the machine, by the readers of the folder that depends on the answer
    exempt: ['runtime/see/doctor', 'runtime/see/host'],
    from: [
      'runtime/agent',
      'runtime/cli',
      'runtime/rootless',
      'runtime/execute.ts',
      'runtime/launch.ts',
      'images',
      'cni',
    ],
    why: 'planning is pure: it imports nothing that has effects',
  },
]

const EFFECTS = ['node:child_process', 'node:net', 'node:http', 'node:https', 'execa', 'zx', 'node-fetch', 'dockerode']

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.mts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
    },
  },
  {
    files: ['**/*.ts', '**/*.mts', '**/*.mjs'],
    plugins: { house: { rules: { 'import-directions': importDirections } } },
    rules: {
      'max-lines': ['error', { max: 400 }],
      'house/import-directions': ['error', zones],
      eqeqeq: 'error',
    },
  },
  {
    files: ['runtime/spec/**', 'runtime/plan/**', 'runtime/init/**', 'runtime/pod/**'],
    rules: { 'no-restricted-imports': ['error', { paths: ['node:fs', 'node:fs/promises', ...EFFECTS] }] },
  },
  { files: ['runtime/kernel/**'], rules: { 'no-restricted-imports': ['error', { paths: EFFECTS }] } },
  {
    files: ['**/*.mjs', '**/*.cjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
)
