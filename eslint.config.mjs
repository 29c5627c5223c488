import js from '@eslint/js'
import importX from 'eslint-plugin-import-x'
import tseslint from 'typescript-eslint'

/** Imports point one way (docs/architecture.md): each zone says which folder may not reach which. */
const zones = [
  {
    target: './runtime/cli',
    from: ['./runtime/agent', './runtime/kernel', './runtime/plan', './runtime/pod', './runtime/execute.ts'],
    message: 'the CLI reaches the agent by its socket only',
  },
  { target: './runtime/cli', from: ['./images', './cni'], message: 'the CLI reaches the agent by its socket only' },
  { target: './images', from: ['./cni'], message: 'images know nothing of networks' },
  {
    target: ['./images', './cni'],
    from: './runtime',
    except: ['./errors.ts', './plan', './kernel', './execute.ts'],
    message: 'images and cni are below the agent',
  },
  {
    target: ['./runtime/spec', './runtime/plan', './runtime/init', './runtime/kernel', './runtime/pod'],
    from: ['./runtime/agent', './runtime/cli', './runtime/execute.ts', './images', './cni'],
    message: 'planning is pure: it imports nothing that has effects',
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
    plugins: { 'import-x': importX },
    rules: {
      'max-lines': ['error', { max: 400 }],
      'import-x/no-restricted-paths': ['error', { zones }],
      'import-x/no-cycle': 'error',
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
