/** What a hostPath of a manifest lacks, made as a kubelet makes it; when the pod goes it stays, with what is in it. */
import { quoteWord } from '../spec/shell-words.ts'
import type { Step } from './step.ts'

export interface MissingPath {
  kind: 'directory' | 'file'
  path: string
  /** Where the manifest asks for it: `spec.volumes[0]`. */
  place: string
}

/** Only what is still empty: what a container has left in it is somebody's. */
const planRemoval = ({ kind, path }: Omit<MissingPath, 'place'>): Step => ({
  kind: 'call',
  id: 'play.host-path',
  why: 'The pod that it was made for could not be made.',
  man: kind === 'directory' ? 'rmdir(2)' : 'unlink(2)',
  effect: 'play.remove',
  input: { kind, path },
  shell: kind === 'directory' ? `rmdir ${quoteWord(path)}` : `[ -s ${quoteWord(path)} ] || rm ${quoteWord(path)}`,
})

export const planHostPath = (missing: MissingPath): Step => {
  const { kind, path, place } = missing
  const why = `${place} says OrCreate, and there is none. It stays when the pod goes: others may use it by then.`
  const about = { id: 'play.host-path', why, see: `ls -ld ${quoteWord(path)}`, undo: planRemoval(missing) }
  if (kind === 'directory') return { ...about, kind: 'mkdir', man: 'mkdir(2)', path, mode: 0o755 }
  return {
    ...about,
    kind: 'call',
    man: 'open(2)',
    effect: 'play.file',
    input: { path },
    shell: `(umask 133; : >> ${quoteWord(path)})`,
  }
}
