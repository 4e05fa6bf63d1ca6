/** A case-insensitive expression that matches any of the parts. Keeps long alternatives on short lines. */
export const anyOf = (...parts: readonly RegExp[]): RegExp =>
  new RegExp(parts.map(({ source }) => source).join('|'), 'iu');
