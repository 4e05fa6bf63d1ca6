import { z } from 'zod';
import { MOST } from './bounds.ts';

/** A role includes the rights of the roles before it. */
export const UserRole = z.enum(['viewer', 'operator', 'admin']);
export type UserRole = z.infer<typeof UserRole>;

/** Name of a group of cameras. */
export const CameraGroup = z
  .string()
  .regex(
    /^[\p{L}\p{N}](?:[\p{L}\p{N} _.-]{0,38}[\p{L}\p{N}_.-])?$/u,
    'must be 1 to 40 letters, digits and signs of " _.-", with a letter or digit first',
  );
export type CameraGroup = z.infer<typeof CameraGroup>;

/** In whose name a request is made. */
export const Principal = z.object({
  /** Of the user or the API token; `anyone` without users, `access-token` for the token of the environment. */
  name: z.string().min(1).max(MOST.name),
  role: UserRole,
  /** The groups whose cameras are in scope; null: every camera. */
  groups: z.array(CameraGroup).nullable(),
  via: z.enum(['open', 'access-token', 'session', 'api-token']),
});
export type Principal = z.infer<typeof Principal>;

/** Any client of a server that has neither users nor a token. */
export const ANYONE: Principal = { name: 'anyone', role: 'admin', groups: null, via: 'open' };
/** A client that sends the token of the environment. */
export const ACCESS_TOKEN: Principal = { name: 'access-token', role: 'admin', groups: null, via: 'access-token' };
/** A client that is not signed in, on a public route such as the login. It sees no camera. */
export const NOBODY: Principal = { name: 'nobody', role: 'viewer', groups: [], via: 'open' };
