import { createHash, randomBytes } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';

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

/** Writes a file that this user alone may read (0600), whatever was there before. */
export async function writeSecretFile(file: string, content: string): Promise<void> {
  const next = `${file}.new`;
  await rm(next, { force: true });
  await writeFile(next, content, { mode: 0o600, flag: 'wx' });
  await rename(next, file);
}
