import { createHash, randomBytes } from 'node:crypto';

/** 256 random bits as 43 characters of base64url. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

export const isSecret = (text: string): boolean => /^[A-Za-z0-9_-]{43}$/u.test(text);

/** SHA-256 in hex. Enough for random secrets; passwords are hashed slowly instead. */
export const fingerprint = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** A short random name that is no secret. */
export const newId = (): string => randomBytes(9).toString('base64url');

/** The CSRF token of a session. It follows from the session's secret, so it needs no storage. */
export const csrfOf = (sessionSecret: string): string =>
  createHash('sha256').update(`csrf ${sessionSecret}`).digest('base64url');

/** Key of a user's record: the same for every way to write the name. */
export const userKey = (name: string): string =>
  Buffer.from(name.normalize('NFKC').toLowerCase(), 'utf8').toString('base64url');
