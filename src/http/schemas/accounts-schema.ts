import { z } from 'zod';
import { MOST } from '../../messages/bounds.ts';
import { IsoTime } from '../../messages/ids.ts';
import { Principal, UserRole } from '../../messages/principal.ts';
import { Password, Scope, UserName } from '../../users/account-records.ts';

/** Bytes of preferences as JSON. */
export const MOST_PREFERENCES = 32_768;

export const SessionReply = z.object({
  /** Null: sign in first. */
  principal: Principal.nullable(),
  csrf: z.string().nullable().meta({ description: 'Header `x-csrf-token` of every change that a session makes' }),
  signIn: z.object({
    password: z.boolean(),
    oidc: z.object({ label: z.string() }).nullable(),
    accessToken: z.boolean(),
  }),
  open: z.boolean().meta({ description: 'Anybody who reaches the server may see and change everything' }),
  notice: z.string().nullable(),
});
export type SessionReply = z.infer<typeof SessionReply>;

export const SignedInReply = z.object({ principal: Principal, csrf: z.string() });

/** Any text is taken, so that a refusal does not tell which names and passwords can exist. */
const tried = z.string().min(1).max(MOST.name);
export const LoginBody = z.strictObject({ user: tried, password: z.string().min(1).max(256) });
export const LogoutBody = z.strictObject({ everywhere: z.boolean().default(false) }).nullish();
export const SetupBody = z.strictObject({
  link: z.string().min(1).max(MOST.name),
  user: UserName.optional().meta({ description: 'Of the first administrator; default admin' }),
  password: Password,
});
export const PasswordBody = z.strictObject({ current: z.string().min(1).max(256), password: Password });

export const UserView = z.object({
  name: z.string(),
  role: UserRole,
  groups: Scope,
  createdAt: IsoTime,
  lastLoginAt: IsoTime.nullable(),
  sessions: z.int().min(0),
  /** Whether it has a password, and whether an identity provider vouches for it. */
  password: z.boolean(),
  oidc: z.boolean(),
});
export type UserView = z.infer<typeof UserView>;

export const UserList = z.object({ users: z.array(UserView) });
export type UserList = z.infer<typeof UserList>;

export const UserParams = z.object({ name: UserName });
export const UserBody = z.strictObject({
  name: UserName,
  role: UserRole,
  groups: Scope.default(null),
  password: Password.optional(),
});
export const UserAdded = z.object({
  user: UserView,
  link: z.string().nullable().meta({ description: 'Sets the password once, within a day; null: one was given' }),
});
export type UserAdded = z.infer<typeof UserAdded>;

export const UserPatch = z
  .strictObject({ role: UserRole, groups: Scope })
  .partial()
  .refine((fields) => Object.keys(fields).length > 0, 'names nothing to change: give role or groups');
export const LinkReply = z.object({ link: z.string() });
export type LinkReply = z.infer<typeof LinkReply>;

export const TokenView = z.object({
  id: z.string(),
  name: z.string(),
  role: UserRole,
  groups: Scope,
  expiresAt: IsoTime,
  createdBy: z.string(),
  createdAt: IsoTime,
  lastUsedAt: IsoTime.nullable(),
});
export type TokenView = z.infer<typeof TokenView>;

export const TokenList = z.object({ tokens: z.array(TokenView) });
export type TokenList = z.infer<typeof TokenList>;

export const TokenBody = z.strictObject({
  name: UserName,
  role: UserRole,
  groups: Scope.default(null),
  expiresAt: IsoTime.meta({ description: 'At most a year ahead' }),
});
export const TokenAdded = TokenView.extend({ token: z.string().meta({ description: 'Shown this once' }) });
export type TokenAdded = z.infer<typeof TokenAdded>;

export const TokenParams = z.object({ id: z.string().regex(/^[A-Za-z0-9_-]{8,32}$/u, 'is not the id of a token') });

export const Preferences = z.strictObject({
  value: z
    .record(z.string(), z.unknown())
    .refine(
      (value) => Buffer.byteLength(JSON.stringify(value)) <= MOST_PREFERENCES,
      `must have at most ${MOST_PREFERENCES} bytes as JSON`,
    ),
});
