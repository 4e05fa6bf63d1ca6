import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../runtime/clock.ts';

/** How long a ticket is valid, in ms. */
export const TICKET_LIFE_MS = 60_000;

const EXPIRY_BYTES = 6;
const NONCE_BYTES = 10;
const SIGNED_BYTES = EXPIRY_BYTES + NONCE_BYTES;
const SIGNATURE_BYTES = 32;
/** Base64url of the 48 bytes, without padding. */
const TICKET_LENGTH = ((SIGNED_BYTES + SIGNATURE_BYTES) * 4) / 3;

export interface Ticket {
  readonly ticket: string;
  /** ISO 8601 UTC. */
  readonly expiresAt: string;
}

/**
 * Short-lived tickets for addresses where a browser cannot send a header: pictures and WebSockets. They are signed, not
 * stored, so they take no memory. All processes with the same access token accept each other's tickets, since a load
 * balancer may send the WebSocket to another process than the request for the ticket.
 */
export class Tickets {
  readonly #key: Buffer;
  readonly #clock: Pick<Clock, 'now'>;

  private constructor(key: Buffer, clock: Pick<Clock, 'now'>) {
    this.#key = key;
    this.#clock = clock;
  }

  /** @param token null: no route needs a ticket, and this process alone accepts its own */
  static async open(token: string | null, clock: Pick<Clock, 'now'>): Promise<Tickets> {
    return new Tickets(token === null ? randomBytes(32) : await slowKey(token), clock);
  }

  issue(): Ticket {
    const expiresAt = this.#clock.now() + TICKET_LIFE_MS;
    const signed = Buffer.alloc(SIGNED_BYTES);
    signed.writeUIntBE(expiresAt, 0, EXPIRY_BYTES);
    randomBytes(NONCE_BYTES).copy(signed, EXPIRY_BYTES);
    return {
      ticket: Buffer.concat([signed, this.#sign(signed)]).toString('base64url'),
      expiresAt: new Date(expiresAt).toISOString(),
    };
  }

  /** Whether the ticket is genuine and has not expired. Compares signatures in constant time. */
  isValid(ticket: string): boolean {
    if (ticket.length !== TICKET_LENGTH) return false;
    const bytes = Buffer.from(ticket, 'base64url');
    if (bytes.length !== SIGNED_BYTES + SIGNATURE_BYTES) return false;
    const signed = bytes.subarray(0, SIGNED_BYTES);
    const genuine = timingSafeEqual(this.#sign(signed), bytes.subarray(SIGNED_BYTES));
    return genuine && signed.readUIntBE(0, EXPIRY_BYTES) > this.#clock.now();
  }

  #sign(signed: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(signed).digest();
  }
}

/** Slow on purpose: a ticket found in a log must not allow quick guesses at the token. */
const slowKey = (token: string): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(token, 'gantry tickets 1', 32, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
