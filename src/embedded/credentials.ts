import { createHash, randomBytes } from 'node:crypto';

/** Login of a server that Gantry starts, new at each start. No character needs escaping anywhere. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** The password begins with a letter: some clients read digits after a colon as a port. */
export const makeCredentials = (user: string): Credentials => ({
  user,
  password: `p${randomBytes(24).toString('base64url')}`,
});

/** As Redis stores passwords: SHA-256 in hex. */
export const passwordHash = ({ password }: Credentials): string => createHash('sha256').update(password).digest('hex');
