import { NOBODY, type Principal, UserRole } from '../../messages/principal.ts';
import { HttpError } from '../errors/http-error.ts';

/** The least role for a route; `public`: none is needed. */
export type Access = 'public' | UserRole;

/**
 * How a route keeps to the principal's cameras.
 * - `none`: neither request nor reply are about a camera.
 * - `camera`: its parameter `id` or `cameraId` names the camera, which must be in scope.
 * - `filtered`: its handler leaves out or refuses what is outside the scope.
 * - `everything`: only for principals without groups, which see every camera.
 */
export type RouteScope = 'none' | 'camera' | 'filtered' | 'everything';

/** Rights that a route declares in its `config`. */
export interface RouteRights {
  readonly access: Access;
  readonly scope: RouteScope;
}

/** A route and its rights, as registered. */
export interface DeclaredRoute extends RouteRights {
  readonly method: string;
  /** Its pattern, such as `/api/cameras/:id`. */
  readonly url: string;
}

/** Whether `role` may do what `needed` may. */
export const isAtLeast = (role: UserRole, needed: UserRole): boolean =>
  UserRole.options.indexOf(role) >= UserRole.options.indexOf(needed);

/** The refusal of a request to a route with these rights; null when the principal may make it. Pure. */
export function refusalOf(principal: Principal | undefined, { access, scope }: RouteRights): HttpError | null {
  if (access === 'public') return null;
  if (principal === undefined || principal === NOBODY)
    return new HttpError('UNAUTHORIZED', 'sign in, or send "Authorization: Bearer TOKEN"', {
      field: 'token',
      headers: { 'www-authenticate': 'Bearer realm="gantry"' },
    });
  if (!isAtLeast(principal.role, access)) return tooLow(principal, access);
  return scope === 'everything' && principal.groups !== null ? notOfAll(access) : null;
}

/** The refusal of a principal whose role is too low; `doing` says for which part of a request. */
export const tooLow = ({ role }: Principal, needed: UserRole, doing = 'this'): HttpError =>
  new HttpError('FORBIDDEN', `role: ${doing} takes the role ${needed}, and yours is ${role}`, {
    field: 'role',
    value: role,
  });

const notOfAll = (access: UserRole): HttpError =>
  new HttpError('FORBIDDEN', `groups: this is about the whole system: it takes the role ${access} for all cameras`, {
    field: 'groups',
  });

/** The refusal of a camera outside the scope: the same as of one that does not exist. */
export const unknownCamera = (id: string, field = 'id'): HttpError =>
  new HttpError('UNKNOWN_CAMERA', `${field}: there is no camera ${id}`, { field, value: id });
