import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { secretFromEnv } from '../keys/env-secret.ts';
import { Secret } from '../keys/secret.ts';
import { KeyAdminError } from './key-admin-error.ts';

/**
 * A sealed text: `gantry-sealed:1:KDF:SALT:IV:TAG:CIPHERTEXT`, the last four in base64url. AES-256-GCM; everything up
 * to the salt is authenticated with it. KDF is `raw` (the secret is the 32-byte key) or `scrypt15` (RFC 7914 with
 * N = 2^15, r = 8, p = 1: 32 MiB and about 0.1 s for each guess).
 */
const HEAD = 'gantry-sealed';
const VERSION = '1';
const SCRYPT = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
const LONGEST = 8 * 1024 * 1024;
const SHORTEST_PASSWORD = 12;
const KEYS_REMEMBERED = 16;

type Kdf = 'raw' | 'scrypt15';

/** True for a text that {@link Sealer.seal} made, with whatever secret. */
export const isSealed = (text: string): boolean => text.startsWith(`${HEAD}:`);

/** Encrypts and decrypts texts with one secret. */
export class Sealer {
  readonly #secret: Secret;
  readonly #raw: Buffer | null;
  readonly #derived = new Map<string, Promise<Buffer>>();
  /** One salt per process: the key is derived once, every text has an IV of its own. */
  readonly #salt = randomBytes(16);

  /** Throws `SEAL_FORMAT` for a secret that is too short to protect anything. */
  constructor(secret: Secret) {
    this.#secret = secret;
    this.#raw = rawKey(secret.reveal());
    if (this.#raw === null && secret.reveal().length < SHORTEST_PASSWORD) {
      throw new KeyAdminError(
        'SEAL_FORMAT',
        `the secret that encrypts keys must have at least ${SHORTEST_PASSWORD} characters; better: openssl rand ` +
          '-hex 32',
      );
    }
  }

  async seal(text: string): Promise<string> {
    const kdf: Kdf = this.#raw === null ? 'scrypt15' : 'raw';
    const head = [HEAD, VERSION, kdf, this.#salt.toString('base64url')].join(':');
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', await this.#key(kdf, this.#salt), iv).setAAD(Buffer.from(head));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return [
      head,
      iv.toString('base64url'),
      cipher.getAuthTag().toString('base64url'),
      sealed.toString('base64url'),
    ].join(':');
  }

  /** Throws `SEAL_FORMAT` or `SEAL_BROKEN`; `what` names the record in the message. */
  async open(sealed: string, what: string): Promise<string> {
    const parts = sealed.trim().split(':');
    const [head, version, kdf, salt = '', iv = '', tag = '', body = ''] = parts;
    if (head !== HEAD || parts.length !== 7 || sealed.length > LONGEST)
      throw new KeyAdminError('SEAL_FORMAT', `${what} is not a file made by "npm run gantry -- keys encrypt"`, {
        what,
      });
    if (version !== VERSION || (kdf !== 'raw' && kdf !== 'scrypt15'))
      throw new KeyAdminError(
        'SEAL_FORMAT',
        `${what} was made by another version of Gantry (format ${String(version).slice(0, 10)}, ` +
          `${String(kdf).slice(0, 20)})`,
        { what },
      );
    const wrong = `${what} cannot be opened: it was made with another secret, or it was changed`;
    if (kdf === 'raw' && this.#raw === null) throw new KeyAdminError('SEAL_BROKEN', wrong, { what });
    try {
      const key = await this.#key(kdf, Buffer.from(salt, 'base64url'));
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64url'), { authTagLength: 16 });
      decipher.setAAD(Buffer.from(parts.slice(0, 4).join(':'))).setAuthTag(Buffer.from(tag, 'base64url'));
      return Buffer.concat([decipher.update(Buffer.from(body, 'base64url')), decipher.final()]).toString('utf8');
    } catch (thrown) {
      throw new KeyAdminError('SEAL_BROKEN', wrong, { what }, thrown);
    }
  }

  #key(kdf: Kdf, salt: Buffer): Promise<Buffer> {
    if (kdf === 'raw' && this.#raw !== null) return Promise.resolve(this.#raw);
    const id = salt.toString('base64url');
    const known = this.#derived.get(id) ?? derive(this.#secret, salt);
    this.#derived.delete(id);
    this.#derived.set(id, known);
    const [oldest] = this.#derived.keys();
    if (this.#derived.size > KEYS_REMEMBERED && oldest !== undefined) this.#derived.delete(oldest);
    return known;
  }
}

/** 32 bytes written as 64 hex digits or as base64. */
function rawKey(text: string): Buffer | null {
  if (/^[0-9a-f]{64}$/iu.test(text)) return Buffer.from(text, 'hex');
  return /^[A-Za-z0-9+/_-]{43}=?$/u.test(text) ? Buffer.from(text, 'base64') : null;
}

const derive = (secret: Secret, salt: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(secret.reveal().normalize('NFC'), salt, 32, SCRYPT, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });

/**
 * The sealer of `GANTRY_KEYS_SECRET`, or of the file that `GANTRY_KEYS_SECRET_FILE` names; null when neither is set.
 * Throws `SEAL_KEY_MISSING` when the file cannot be used.
 */
export function sealerFromEnv(env: Readonly<Record<string, string | undefined>>): Sealer | null {
  const found = secretFromEnv(env, 'GANTRY_KEYS_SECRET');
  if ('problem' in found)
    throw new KeyAdminError('SEAL_KEY_MISSING', found.problem, { variable: 'GANTRY_KEYS_SECRET' });
  return found.secret === null ? null : new Sealer(new Secret(found.secret));
}
