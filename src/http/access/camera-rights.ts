import type { Principal } from '../../messages/principal.ts';
import { HttpError } from '../errors/http-error.ts';
import { shares } from './camera-scope.ts';
import { isAtLeast, tooLow } from './route-rights.ts';

/** The fields of a camera that an operator may change; all others take an admin. */
const OF_OPERATORS: ReadonlySet<string> = new Set(['scene', 'enabled']);

/** The refusal of a change that names a field for which the principal's role is too low; null otherwise. Pure. */
export function patchRefusal(principal: Principal, patch: Readonly<Record<string, unknown>>): HttpError | null {
  if (isAtLeast(principal.role, 'admin')) return null;
  const field = Object.keys(patch).find((name) => patch[name] !== undefined && !OF_OPERATORS.has(name));
  return field === undefined ? null : tooLow(principal, 'admin', `changing ${field}`);
}

/**
 * The refusal of a change of a camera's groups; null when the principal may make it. A principal with groups puts
 * cameras into them and takes cameras out of them, never the last: a camera stays in its scope. Pure.
 *
 * @param before none for a new camera
 */
export function placeRefusal(
  { groups: own }: Principal,
  before: readonly string[],
  after: readonly string[],
): HttpError | null {
  if (own === null) return null;
  const changed = [
    ...after.filter((group) => !before.includes(group)),
    ...before.filter((group) => !after.includes(group)),
  ];
  const foreign = changed.find((group) => !own.includes(group));
  const names = own.join(', ');
  if (foreign !== undefined)
    return new HttpError('FORBIDDEN', `groups: ${foreign} is not one of yours, which are: ${names}`, {
      field: 'groups',
      value: foreign,
    });
  if (shares(after, own)) return null;
  return new HttpError('FORBIDDEN', `groups: the camera must be in one of yours: ${names}`, { field: 'groups' });
}
