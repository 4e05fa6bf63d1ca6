// Apart from the errors themselves: the page uses the same words while somebody types.
import type { z } from 'zod';

/** Why a value is refused, to be read after the name of its field. */
export function reasonOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `must be ${article(issue.expected)}`;
  if (issue.code === 'too_small')
    return `must ${bound(issue.origin, 'least', issue.inclusive === false ? 'more than' : 'at least', issue.minimum)}`;
  if (issue.code === 'too_big')
    return `must ${bound(issue.origin, 'most', issue.inclusive === false ? 'less than' : 'at most', issue.maximum)}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'invalid_union') return 'is none of the values it may have';
  return issue.message;
}

function bound(origin: string, side: 'least' | 'most', words: string, limit: number | bigint): string {
  if (origin === 'string') return `have at ${side} ${limit} character${limit === 1 ? '' : 's'}`;
  if (origin === 'array') return `have at ${side} ${limit} entr${limit === 1 ? 'y' : 'ies'}`;
  return `be ${words} ${limit}`;
}

const article = (type: string): string =>
  type === 'object'
    ? 'a JSON object'
    : type === 'int'
      ? 'a whole number'
      : /^[aeiou]/u.test(type)
        ? `an ${type}`
        : `a ${type}`;

/** The name of a field by its path, as in JavaScript: `zones[2].polygon`; `whole` for the value itself. */
export const fieldOf = (path: readonly PropertyKey[], whole: string): string =>
  path.length === 0
    ? whole
    : path
        .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
        .join('')
        .replace(/^\./u, '');
