import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../runtime/clock.ts';

/** How long a ticket is valid, in ms. */
export const TICKET_LIFE_MS = 60_000;

const EXPIRY_BYTES = 6;
const NONCE_BYTES = 10;
const KIND_BYTES = 1;
const KEY_BYTES = 32;
const SIGNED_BYTES = EXPIRY_BYTES + NONCE_BYTES + KIND_BYTES + KEY_BYTES;
const SIGNATURE_BYTES = 32;
/** Base64url of the 81 bytes, without padding. */
const TICKET_LENGTH = ((SIGNED_BYTES + SIGNATURE_BYTES) * 4) / 3;

/** In the order of their numbers in a ticket. */
const KINDS = ['access-token', 'session', 'api-token', 'open'] as const;

/** The credential that a request came with. `key` names a session or an API token, in 64 hex digits. */
export type Credential =
  | { readonly via: 'access-token' | 'open' }
  | { readonly via: 'session' | 'api-token'; readonly key: string };

export interface Ticket {
  readonly ticket: string;
  /** ISO 8601 UTC. */
  readonly expiresAt: string;
}

/**
 * Short-lived tickets for addresses where a browser cannot send a header: pictures and WebSockets. A ticket stands for
 * the credential that asked for it: it allows no more, and ends with it. They are signed, not stored, so they take no
 * memory. All processes with the same secret accept each other's tickets, since a load balancer may send the WebSocket
 * to another process than the request for the ticket.
 */
export class Tickets {
  readonly #key: Buffer;
  readonly #clock: Pick<Clock, 'now'>;

  private constructor(key: Buffer, clock: Pick<Clock, 'now'>) {
    this.#key = key;
    this.#clock = clock;
  }

  /** @param secret that all processes share, e.g. the access token; null: this process alone accepts its own tickets */
  static async open(secret: string | null, clock: Pick<Clock, 'now'>): Promise<Tickets> {
    return new Tickets(secret === null ? randomBytes(32) : await slowKey(secret), clock);
  }

  issue(credential: Credential): Ticket {
    const expiresAt = this.#clock.now() + TICKET_LIFE_MS;
    const key = 'key' in credential ? Buffer.from(credential.key, 'hex') : Buffer.alloc(KEY_BYTES);
    const expiry = Buffer.alloc(EXPIRY_BYTES);
    expiry.writeUIntBE(expiresAt, 0, EXPIRY_BYTES);
    const kind = Buffer.of(KINDS.indexOf(credential.via));
    const signed = Buffer.concat([expiry, randomBytes(NONCE_BYTES), kind, key]);
    return {
      ticket: Buffer.concat([signed, this.#sign(signed)]).toString('base64url'),
      expiresAt: new Date(expiresAt).toISOString(),
    };
  }

  /** The credential of a genuine ticket that has not expired, else null. Compares signatures in constant time. */
  read(ticket: string): Credential | null {
    if (ticket.length !== TICKET_LENGTH) return null;
    const bytes = Buffer.from(ticket, 'base64url');
    if (bytes.length !== SIGNED_BYTES + SIGNATURE_BYTES) return null;
    const signed = bytes.subarray(0, SIGNED_BYTES);
    const genuine = timingSafeEqual(this.#sign(signed), bytes.subarray(SIGNED_BYTES));
    if (!genuine || signed.readUIntBE(0, EXPIRY_BYTES) <= this.#clock.now()) return null;
    const via = KINDS[signed.readUInt8(EXPIRY_BYTES + NONCE_BYTES)] ?? 'open';
    if (via === 'access-token' || via === 'open') return { via };
    return { via, key: signed.subarray(SIGNED_BYTES - KEY_BYTES).toString('hex') };
  }

  #sign(signed: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(signed).digest();
  }
}

/** Slow on purpose: a ticket found in a log must not allow quick guesses at the secret. */
const slowKey = (secret: string): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(secret, 'gantry tickets 1', 32, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
