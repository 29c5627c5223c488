/**
 * The two ways to delete what the layers below have: overlayfs is told to hide it, where each layer is a directory of
 * its own; where layers are applied in order to one tree, it is removed. Either way what the layer itself brings stays,
 * be it before or behind the whiteout (OCI image-spec layer.md#whiteouts).
 */
import type { Mark } from '../../runtime/kernel/layer-marks.ts'
import { Failure } from '../../runtime/errors.ts'
import { join, parentOf, type LayerTree } from './tree.ts'

export interface Deletions {
  whiteout(path: string): void
  opaque(directory: string, shown: string): void
  /** The layer brings this path. */
  keep(path: string): void
  /** What is left to make when all entries are there. */
  marks(): readonly Mark[]
}

export class HiddenBelow implements Deletions {
  readonly #tree: LayerTree
  readonly #hidden = new Set<string>()
  readonly #opaque = new Set<string>()

  constructor(tree: LayerTree) {
    this.#tree = tree
  }

  whiteout(path: string): void {
    this.#hidden.add(path)
  }

  opaque(directory: string, shown: string): void {
    if (directory === '')
      throw new Failure(`layer entry ${shown} hides all layers below, which overlayfs cannot do`, {
        id: 'image.entry',
        why: 'the kernel does not look for the mark on the root of a layer, so it would silently mean nothing',
      })
    this.#opaque.add(directory)
  }

  keep(): void {
    // what lies there at the end decides
  }

  marks(): readonly Mark[] {
    const hidden = [...this.#hidden].filter((path) => this.#tree.isDirectory(parentOf(path)))
    // A whiteout beside a directory of the same name: the layer replaces the directory as a whole.
    for (const path of hidden) if (this.#tree.stat(path)?.isDirectory() === true) this.#opaque.add(path)
    const mark = (kind: 'whiteout' | 'opaque') => (path: string) => ({ path: this.#tree.bytes(path), kind })
    return [
      ...hidden
        .filter((path) => this.#tree.stat(path) === undefined && !this.#isBelowOpaque(path))
        .map(mark('whiteout')),
      ...[...this.#opaque].filter((path) => this.#tree.isDirectory(path)).map(mark('opaque')),
    ]
  }

  /** There the kernel reads the layer's directory as it is, and a whiteout would be a name that leads to nothing. */
  #isBelowOpaque(path: string): boolean {
    for (let at = parentOf(path); at !== ''; at = parentOf(at)) if (this.#opaque.has(at)) return true
    return false
  }
}

export class RemovedBelow implements Deletions {
  readonly #tree: LayerTree
  /** Paths of the layer, and the directories that they lie in. */
  readonly #own = new Set<string>([''])

  constructor(tree: LayerTree) {
    this.#tree = tree
  }

  keep(path: string): void {
    for (let at = path; !this.#own.has(at); at = parentOf(at)) this.#own.add(at)
  }

  whiteout(path: string): void {
    if (!this.#own.has(path)) this.#tree.remove(path)
    else if (this.#tree.stat(path)?.isDirectory() === true) this.opaque(path)
  }

  opaque(directory: string): void {
    for (const name of this.#tree.list(directory)) this.whiteout(join(directory, name))
  }

  marks(): readonly Mark[] {
    return []
  }
}
