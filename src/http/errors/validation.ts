import type { z } from 'zod';
import { HttpError } from './http-error.ts';
import { fieldOf, reasonOf } from './issue-words.ts';
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
  const name = fieldOf(path, whole);
  const field = safeName(name);
  if (unknown) {
    return new HttpError('UNKNOWN_FIELD', `${field}: there is no such field`, { field, value: safeValue(name, value) });
  }
  if (value === undefined && path.length > 0) return new HttpError('MISSING_FIELD', `${field}: is required`, { field });
  return new HttpError('INVALID_FIELD', `${field}: ${reasonOf(issue)}`, { field, value: safeValue(name, value) });
}

function at(input: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}
