import { z } from 'zod';
import { MOST } from '../messages/bounds.ts';
import { IsoTime } from '../messages/ids.ts';
import { CameraGroup, UserRole } from '../messages/principal.ts';

/** Most records of each kind. */
export const MOST_ACCOUNTS = {
  users: 1_000,
  /** At the limit the session that was used longest ago ends. */
  sessions: 10_000,
  tokens: 1_000,
  /** At the limit the link that ends first is withdrawn. */
  links: 1_000,
  /** Groups that one user or token is restricted to. */
  groups: 64,
} as const;

/** The name that a user signs in with. Case does not matter. */
export const UserName = z
  .string()
  .regex(
    /^[\p{L}\p{N}](?:[\p{L}\p{N} ._@+-]{0,62}[\p{L}\p{N}])?$/u,
    'must be 1 to 64 letters, digits and signs of " ._@+-", with a letter or digit first and last',
  );
export type UserName = z.infer<typeof UserName>;

/** Length in characters; long enough to make guessing slow, short enough to hash. */
export const Password = z.string().min(8).max(256);

/** Null: every camera. */
export const Scope = z.array(CameraGroup).max(MOST_ACCOUNTS.groups).nullable();
export type Scope = z.infer<typeof Scope>;

/** A user as an identity provider knows them. */
export const Identity = z.object({ issuer: z.string().min(1).max(MOST.url), subject: z.string().min(1).max(255) });
export type Identity = z.infer<typeof Identity>;

export const UserRecord = z.object({
  name: UserName,
  role: UserRole,
  groups: Scope,
  /** Argon2id in PHC form; null: none yet, or an identity provider vouches for the user. */
  passwordHash: z.string().max(MOST.text).nullable(),
  identity: Identity.nullable(),
  createdAt: IsoTime,
  lastLoginAt: IsoTime.nullable(),
  /** Sessions of an older generation have ended. A new password, or a logout everywhere, raises it. */
  generation: z.int().min(0),
});
export type UserRecord = z.infer<typeof UserRecord>;

/** Kept under the fingerprint of its secret. Times in epoch ms. */
export const SessionRecord = z.object({
  user: UserName,
  generation: z.int().min(0),
  createdAt: z.int().min(0),
  usedAt: z.int().min(0),
});
export type SessionRecord = z.infer<typeof SessionRecord>;

/** An API token, kept under the fingerprint of its secret. */
export const TokenRecord = z.object({
  id: z.string().regex(/^[A-Za-z0-9_-]{8,32}$/),
  name: UserName,
  role: UserRole,
  groups: Scope,
  expiresAt: IsoTime,
  createdBy: z.string().max(MOST.name),
  createdAt: IsoTime,
  lastUsedAt: IsoTime.nullable(),
});
export type TokenRecord = z.infer<typeof TokenRecord>;

/** A one-time link, kept under the fingerprint of its secret. */
export const LinkRecord = z.object({
  /** Sets the password of this user; null: makes the first administrator. */
  user: UserName.nullable(),
  expiresAt: z.int().min(0),
});
export type LinkRecord = z.infer<typeof LinkRecord>;

/** A secret that all nodes share. */
export const SharedSecret = z.object({ value: z.string().min(32).max(MOST.name) });
export type SharedSecret = z.infer<typeof SharedSecret>;
