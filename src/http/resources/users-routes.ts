import { z } from 'zod';
import type { Accounts } from '../../users/accounts.ts';
import type { UserRecord } from '../../users/account-records.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import {
  LinkReply,
  UserAdded,
  UserBody,
  UserList,
  UserParams,
  UserPatch,
  type UserView,
} from '../schemas/accounts-schema.ts';
import type { App } from '../server.types.ts';
import { ownerOfUser } from './preferences-routes.ts';

const tags = ['users'];
/** For admins for all cameras. */
const config = { access: 'admin', scope: 'everything' } as const;

/** `/api/users`: for admins for all cameras. No password, hash or link is in a list. */
export function userRoutes(app: App, accounts: Accounts): void {
  app.get(
    '/api/users',
    { config, schema: { tags, summary: 'All users', response: { 200: UserList, ...errorReplies(401, 403) } } },
    async () => {
      const counts = accounts.sessions.counts();
      return { users: accounts.users.list().map((user) => userView(user, counts)) };
    },
  );
  addRoute(app, accounts);
  changeRoutes(app, accounts);
}

function addRoute(app: App, accounts: Accounts): void {
  const { users, links, hasher } = accounts;
  app.post(
    '/api/users',
    {
      config,
      schema: {
        tags,
        summary: 'Adds a user; without a password the reply has a one-time link that sets it',
        body: UserBody,
        response: { 201: UserAdded, ...errorReplies(400, 401, 403, 409, 413, 415, 429, 503) },
      },
    },
    async (request, reply) => {
      const { name, role, groups, password } = request.body;
      if (users.get(name) !== null)
        throw new HttpError('DUPLICATE_USER', `name: there is a user ${name}`, { field: 'name', value: name });
      const passwordHash = password === undefined ? null : await hasher.hash(password);
      const added = await users.add({ name, role, groups, passwordHash, identity: null });
      const link = password === undefined ? await links.make(name) : null;
      request.audit({ action: 'user.add', target: name, after: rightsOf(added) });
      return reply
        .code(201)
        .header('location', `/api/users/${encodeURIComponent(name)}`)
        .send({ user: userView(added, new Map()), link });
    },
  );
}

function changeRoutes(app: App, accounts: Accounts): void {
  const { users, links, sessions, preferences } = accounts;
  app.patch(
    '/api/users/:name',
    {
      config,
      schema: {
        tags,
        summary: 'Changes role or groups, at once on every node',
        params: UserParams,
        body: UserPatch,
        response: {
          200: z.object({ user: UserAdded.shape.user }),
          ...errorReplies(400, 401, 403, 404, 409, 413, 415, 503),
        },
      },
    },
    async (request) => {
      const before = known(accounts, request.params.name);
      const after = await users.change(before.name, request.body);
      request.audit({ action: 'user.change', target: after.name, before: rightsOf(before), after: rightsOf(after) });
      return { user: userView(after, sessions.counts()) };
    },
  );

  app.delete(
    '/api/users/:name',
    {
      config,
      schema: {
        tags,
        summary: 'Removes a user; their sessions end at once on every node',
        params: UserParams,
        response: { 204: z.undefined(), ...errorReplies(400, 401, 403, 404, 409, 503) },
      },
    },
    async (request, reply) => {
      const before = known(accounts, request.params.name);
      await users.remove(before.name);
      await links.withdraw(before.name);
      await preferences.remove(ownerOfUser(before.name));
      request.audit({ action: 'user.remove', target: before.name, before: rightsOf(before) });
      return reply.code(204).send();
    },
  );

  app.post(
    '/api/users/:name/reset',
    {
      config,
      schema: {
        tags,
        summary: 'A one-time link that sets a new password; until it is used the old one counts',
        params: UserParams,
        response: { 200: LinkReply, ...errorReplies(400, 401, 403, 404, 503) },
      },
    },
    async (request) => {
      const { name } = known(accounts, request.params.name);
      const link = await links.make(name);
      request.audit({ action: 'user.reset', target: name });
      return { link };
    },
  );
}

/** Throws `UNKNOWN_USER`. */
function known({ users }: Accounts, name: string): UserRecord {
  const user = users.get(name);
  if (user === null)
    throw new HttpError('UNKNOWN_USER', `name: there is no user ${name}`, { field: 'name', value: name });
  return user;
}

const rightsOf = ({ role, groups }: UserRecord) => ({ role, groups });

function userView(user: UserRecord, sessions: ReadonlyMap<string, number>): UserView {
  const { name, role, groups, createdAt, lastLoginAt, passwordHash, identity } = user;
  const rights = { name, role, groups, createdAt, lastLoginAt };
  return { ...rights, sessions: sessions.get(name) ?? 0, password: passwordHash !== null, oidc: identity !== null };
}
