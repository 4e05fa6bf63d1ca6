/** One expression that finds any of the parts, in either case: so that its lines are no longer than a screen is wide. */
export const anyOf = (...parts: readonly RegExp[]): RegExp =>
  new RegExp(parts.map(({ source }) => source).join('|'), 'iu');
