import { describe, expect, it } from 'vitest'
import { parseFormat, parseTemplate, renderTemplate } from '../../../runtime/cli/template.ts'

const container = {
  Id: 'abc',
  State: { Status: 'running', Pid: 7, OOMKilled: false, Error: null },
  Config: { Labels: { 'a.b/c': 'one', z: 'two' }, Env: ['A=1', 'B=2'] },
  Mounts: [
    { Source: '/x', Tags: ['r', 's'] },
    { Source: '/y', Tags: [] },
  ],
  Evil: '\x1b[2J',
}
const render = (text: string) => renderTemplate(parseTemplate(text), container)

describe('a template', () => {
  it.each([
    ['{{.Id}}', 'abc'],
    ['{{ .State.Status }}: {{.State.Pid}}', 'running: 7'],
    ['{{.State.OOMKilled}} {{.State.Error}}', 'false <no value>'],
    ['{{json .State}}', '{"Status":"running","Pid":7,"OOMKilled":false,"Error":null}'],
    ['{{.Config.Env}} {{.Config.Labels}}', '[A=1 B=2] map[a.b/c:one z:two]'],
    ['{{index .Config.Labels "a.b/c"}}{{index .Config.Labels "none"}} {{index .Config.Env 1}}', 'one B=2'],
    ['{{range .Mounts}}{{.Source}}{{range .Tags}} {{.}}{{end}};{{end}}', '/x r s;/y;'],
    ['{{range .Config.Labels}}{{println .}}{{end}}', 'one\ntwo\n'],
    ['{{range .State.Error}}never{{end}}', ''],
    ['a\\tb\\n{{"q\\"}"}}', 'a\tb\nq"}'],
    ['{{.Evil}} {{json .Evil}}', '?[2J "\\u001b[2J"'],
    ['', ''],
    ['plain', 'plain'],
  ])('%s', (text, wanted) => expect(render(text)).toBe(wanted))

  it.each([
    ['{{.Nope}}', 'there is no field .Nope; there are Id, State'],
    ['{{.State.Nope}}', 'there is no field .State.Nope; there are Status'],
    ['{{.Id.x}}', '.Id has no fields'],
    ['{{.constructor}}', 'there is no field .constructor'],
    ['{{if .Id}}x{{end}}', '{{if}} is not known here'],
    ['{{.Id | json}}', 'is more than one value'],
    ['{{range .Mounts}}x', '{{range}} has no {{end}}'],
    ['x{{end}}', '{{end}} ends nothing'],
    ['{{.Id', '{{ stands alone'],
    ['.Id}}', '}} stands alone'],
    ['{{json}}', 'lacks its argument'],
    ['{{}}', 'is no field, string or number'],
    ['{{$x}}', '$x is no field'],
    ['{{- .Id}}', 'is more than one value'],
    ['{{index .Config.Env 2}}', '2 is no place in a list of 2'],
    ['{{range .Id}}{{end}}', 'range is over lists and objects'],
  ])('%s is refused', (text, problem) =>
    expect(() => render(text)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(problem) as unknown,
        facts: expect.objectContaining({ id: 'cli.template' }) as unknown,
      }) as unknown,
    ),
  )
})

describe('--format', () => {
  it.each([
    [undefined, 'table'],
    ['table', 'table'],
    ['json', 'json'],
    ['{{.Id}}', [{ kind: 'call', name: 'print', values: [{ path: ['Id'] }] }]],
  ])('%s', (text, wanted) => expect(parseFormat(text)).toEqual(wanted))

  it.each(['yaml', 'table {{.Id}}', ''])('%j is refused', (text) =>
    expect(() => parseFormat(text)).toThrow(/^--format takes /),
  )
})
