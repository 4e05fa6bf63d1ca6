import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../runtime/clock.ts';

/** How long a ticket opens what it is for, in ms. */
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
 * Short-lived tickets for addresses where a browser can send no header: pictures and WebSockets. Signed, not stored, so
 * there is nothing to fill up. All processes with the same access token take each other's tickets, since a load
 * balancer may lead the WebSocket to another one than the request for the ticket.
 */
export class Tickets {
  readonly #key: Buffer;
  readonly #clock: Pick<Clock, 'now'>;

  private constructor(key: Buffer, clock: Pick<Clock, 'now'>) {
    this.#key = key;
    this.#clock = clock;
  }

  /** @param token null: tickets are good for nothing, as everything is open, and only this process knows its own */
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

  /** Whether it is one of ours and not over. Takes the same time wherever a wrong signature differs. */
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

/** Addresses get into logs: who finds a ticket there must not be able to try tokens against it quickly. */
const slowKey = (token: string): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(token, 'gantry tickets 1', 32, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
