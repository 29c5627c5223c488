/** The graph as one page: the drawing, and beside it the same as text. No request leaves it: its policy forbids them. */
import type { Graph } from '../api.ts'
import { makePaint } from '../colour.ts'
import { makeDiagram } from './diagram.ts'
import { formatSvg } from './svg.ts'
import { formatText } from './text.ts'

const STYLE = `:root{color-scheme:light dark;--paper:#fff;--ink:#1f2328;--quiet:#57606a;--sunk:#f6f8fa}
@media (prefers-color-scheme:dark){:root{--paper:#0d1117;--ink:#e6edf3;--quiet:#9198a1;--sunk:#151b23}}
body{font:15px/1.5 system-ui,sans-serif;margin:0;padding:20px 24px;color:var(--ink);background:var(--paper)}
h1{font-size:20px;margin:0 0 4px}p{margin:0 0 16px;color:var(--quiet)}figure{margin:0 0 20px;overflow:auto}
pre{font:12px/1.45 ui-monospace,'DejaVu Sans Mono',monospace;background:var(--sunk);padding:12px;border-radius:6px;overflow:auto}
summary{cursor:pointer}`

/** Nothing is loaded, and nothing is sent: what `default-src` does not stand for is named. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** `moment`: when it was looked at. */
export const formatHtml = (graph: Graph, moment: Date): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="content-security-policy" content="${POLICY}">
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width">
<title>glasspod graph</title>
<style>${STYLE}</style>
<h1>glasspod graph</h1>
<p>${moment.toISOString().replace(/T(.*)\..*/, ' $1 UTC')}. The same colour and letter in one kind is the same namespace; without a letter it is its own.</p>
<figure>
${formatSvg(makeDiagram(graph))}
</figure>
<details>
<summary>The same as text</summary>
<pre>${escape(formatText(graph, makePaint(false), undefined))}</pre>
</details>
</html>`
