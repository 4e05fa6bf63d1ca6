import { createHash, randomBytes } from 'node:crypto';

/**
 * What a server that Gantry starts asks its clients for. Made anew at each start; no character needs escaping anywhere.
 */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** A password begins with a letter: some clients take digits after a colon for a port. */
export const makeCredentials = (user: string): Credentials => ({
  user,
  password: `p${randomBytes(24).toString('base64url')}`,
});

/** As Redis keeps passwords: SHA-256 in hex. */
export const passwordHash = ({ password }: Credentials): string => createHash('sha256').update(password).digest('hex');
