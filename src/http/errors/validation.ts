import type { z } from 'zod';
import { HttpError } from './http-error.ts';
import { safeName, safeValue } from './safe-value.ts';

type Issue = z.core.$ZodIssue;

/**
 * The first issue of `input` as an error that names the field and the value received. Unknown fields come first: most
 * are misspelt required ones.
 */
export function invalidInput(issues: readonly Issue[], input: unknown, whole: string): HttpError {
  const issue = issues.find((each) => each.code === 'unrecognized_keys') ?? issues[0];
  if (issue === undefined) return new HttpError('BAD_REQUEST', `${whole}: is not valid`, { field: whole });
  const unknown = issue.code === 'unrecognized_keys';
  const path = unknown ? [...issue.path, issue.keys[0] ?? ''] : issue.path;
  const value = at(input, path);
  const name = nameOf(path, whole);
  const field = safeName(name);
  if (unknown) {
    return new HttpError('UNKNOWN_FIELD', `${field}: there is no such field`, { field, value: safeValue(name, value) });
  }
  if (value === undefined && path.length > 0) return new HttpError('MISSING_FIELD', `${field}: is required`, { field });
  return new HttpError('INVALID_FIELD', `${field}: ${reasonOf(issue)}`, { field, value: safeValue(name, value) });
}

function reasonOf(issue: Issue): string {
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
const nameOf = (path: readonly PropertyKey[], whole: string): string =>
  path.length === 0 ? whole : path.map(String).join('.');

function at(input: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}
