/** What a query says, in the words of Docker's clients. */

export const isTrue = (value: string | null | undefined): boolean => value === '1' || value === 'true'

/** `repo` and `tag`: the first may have its tag in itself, as podman's client sends it. */
export const joinTag = (repo: string, tag: string | null): string =>
  tag === null || tag === '' ? repo : `${repo}:${tag}`
