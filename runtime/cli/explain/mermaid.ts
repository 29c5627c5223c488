/** A plan as a Mermaid flowchart (https://mermaid.js.org): a box a step, a frame a process, an arrow where one leads on. */
import type { ExplainedStep } from '../api.ts'

const quote = (text: string): string => text.replaceAll('"', '#quot;')

const node = (name: string, step: ExplainedStep, mark: string): string =>
  `${name}["${quote(`${mark}${step.id}`)}<br/>${quote(step.man)}"]`

/** Whose clone(2) leads to a process: the last one before it that clones to its label. */
const findParent = (inside: readonly ExplainedStep[], at: number): number => {
  const label = inside[at]?.calls?.[0]?.label
  return inside.findIndex(({ calls }) =>
    calls?.some(({ onZero, text }) => onZero === label && !text.startsWith('goto')),
  )
}

const drawInside = (inside: readonly ExplainedStep[], parent: string, mark: (inner: number) => string): string[] => {
  const lines: string[] = []
  inside.forEach((step, at) => {
    const name = `${parent}_${at + 1}`
    const before = inside[at - 1]
    if (before?.process !== step.process) {
      if (before !== undefined) lines.push('end')
      lines.push(`subgraph ${parent}_p${at}["${quote(step.process ?? '')}"]`, 'direction TB')
    }
    lines.push(node(name, step, mark(at)))
    if (before?.process === step.process) lines.push(`${parent}_${at} --> ${name}`)
  })
  if (inside.length > 0) lines.push('end')
  inside.forEach((step, at) => {
    if (at === 0 || inside[at - 1]?.process === step.process) return
    const from = findParent(inside, at)
    lines.push(
      from < 0
        ? `${parent} -.->|on failure| ${parent}_${at + 1}`
        : `${parent}_${from + 1} ==>|clone| ${parent}_${at + 1}`,
    )
  })
  return lines
}

/** `mark` says how a step came out, before its name. */
export const formatMermaid = (
  steps: readonly ExplainedStep[],
  mark: (step: number, inner?: number) => string = () => '',
): string => {
  const lines = steps.flatMap((step, index) => {
    const name = `s${index + 1}`
    const inside = step.inside ?? []
    return [
      node(name, step, mark(index)),
      ...(index === 0 ? [] : [`s${index} --> ${name}`]),
      ...drawInside(inside, name, (inner) => mark(index, inner)),
      ...(inside.length > 0 ? [`${name} --> ${name}_1`] : []),
    ]
  })
  return ['flowchart TD', ...lines.map((line) => `  ${line}`)].join('\n')
}
