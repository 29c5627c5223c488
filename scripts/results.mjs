// What vitest's JSON reporter wrote, as a list: for the programs here that add up and compare runs.

/** `test/...`: the same file lies elsewhere on another machine. */
export const relativeFile = (path) => path.slice(path.lastIndexOf('/test/') + 1)

/** Each test with its key (file and titles), a status of passed, failed or skipped, and what it threw, at each attempt. */
export const listTests = ({ testResults }) =>
  testResults.flatMap(({ name: path, assertionResults }) =>
    assertionResults.map(({ ancestorTitles, title, fullName, status, failureMessages }) => ({
      key: [relativeFile(path), ...ancestorTitles.filter((text) => text !== ''), title].join(' > '),
      fullName,
      status: status === 'passed' || status === 'failed' ? status : 'skipped',
      threw: failureMessages,
    })),
  )

/** Files that could not even be loaded have failed without a test of theirs. */
export const listBroken = ({ testResults }) =>
  testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  )

/** Only root can run it: no machine in which nobody is root shows it. */
export const needsRoot = (key) => key.includes('[needs root]')
