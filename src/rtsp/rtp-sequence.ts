import type { RtpPacket } from './rtp-packet.ts';

/** A step further than that is a new sequence: RFC 3550 A.1. */
const MOST_DROPPED = 3_000;
const MOST_MISORDERED = 100;
/** Bounds of the packets that wait for an earlier one, over UDP. */
const MOST_HELD = 64;
const LONGEST_HELD_MS = 200;
const MODULUS = 0x1_0000;

export interface TimedPacket {
  readonly packet: RtpPacket;
  readonly at: number;
}

/** Called with each packet in order; `gap` when packets before it are missing. */
export type DeliverPacket = (packet: RtpPacket, at: number, gap: boolean) => void;

/**
 * Puts the packets of one source in order, each once, and counts those that are missing: RFC 3550 A.1. With `reorder`,
 * up to 64 packets wait for an earlier one for up to 200 ms (measured when the next one comes); without it, as on a
 * TCP connection, a gap is a loss at once.
 */
export class RtpSequence {
  readonly #reorder: boolean;
  readonly #deliver: DeliverPacket;
  /** Packets that came too early, by extended number. */
  readonly #held = new Map<number, TimedPacket>();
  /** Extended number of the next packet to deliver; null before the first. */
  #next: number | null = null;
  /** The number after a packet that fits nowhere: a second one there begins a new sequence. */
  #restart: number | null = null;
  #highest = 0;
  #lost = 0;
  #unusable = 0;

  constructor(reorder: boolean, deliver: DeliverPacket) {
    this.#reorder = reorder;
    this.#deliver = deliver;
  }

  /** Extended by the number of times that the 16 bits began anew: RFC 3550 6.4.1. */
  get highest(): number {
    return this.#highest;
  }

  /** Packets that were given up, of all sources. */
  get lost(): number {
    return this.#lost;
  }

  /** Packets that came twice, too late, or out of any order. */
  get unusable(): number {
    return this.#unusable;
  }

  push(packet: RtpPacket, at: number): void {
    if (this.#next === null) {
      this.#begin(packet, at, false);
      return;
    }
    const step = signed16(packet.sequence - this.#next);
    if (step > MOST_DROPPED || step < -MOST_MISORDERED) {
      this.#stray(packet, at);
      return;
    }
    this.#restart = null;
    const number = this.#next + step;
    if (number > this.#highest) this.#highest = number;
    if (step === 0 && this.#held.size === 0) {
      this.#next++;
      this.#deliver(packet, at, false);
    } else if (step < 0 || this.#held.has(number)) this.#unusable++;
    else this.#early(number, { packet, at });
  }

  /** Another source: its numbers begin anew. */
  reset(): void {
    this.#next = null;
    this.#restart = null;
    this.#unusable += this.#held.size;
    this.#held.clear();
  }

  #begin(packet: RtpPacket, at: number, gap: boolean): void {
    this.#highest = packet.sequence;
    this.#next = packet.sequence + 1;
    this.#restart = null;
    this.#deliver(packet, at, gap);
  }

  /** One packet far away is a stray one; two in a row are the camera that began anew. */
  #stray(packet: RtpPacket, at: number): void {
    if (this.#restart !== packet.sequence) {
      this.#restart = (packet.sequence + 1) % MODULUS;
      this.#unusable++;
      return;
    }
    this.#flushAll();
    this.#begin(packet, at, true);
  }

  #early(number: number, packet: TimedPacket): void {
    this.#held.set(number, packet);
    if (this.#reorder) this.#deliverReady();
    else this.#skipGap();
    while (this.#held.size > MOST_HELD || this.#isOverdue(packet.at)) this.#skipGap();
  }

  /** The packet that waits for the longest is the first in the map. */
  #isOverdue(at: number): boolean {
    const [oldest] = this.#held.values();
    return oldest !== undefined && at - oldest.at > LONGEST_HELD_MS;
  }

  #deliverReady(): void {
    if (this.#next === null) return;
    for (let ready = this.#held.get(this.#next); ready !== undefined; ready = this.#held.get(this.#next)) {
      this.#held.delete(this.#next);
      this.#next++;
      this.#deliver(ready.packet, ready.at, false);
    }
  }

  /** Gives up the missing packets before the earliest one that waits. */
  #skipGap(): void {
    if (this.#next === null || this.#held.size === 0) return;
    const number = Math.min(...this.#held.keys());
    const ready = this.#held.get(number);
    if (ready === undefined) return;
    const missing = number - this.#next;
    this.#held.delete(number);
    this.#lost += missing;
    this.#next = number + 1;
    this.#deliver(ready.packet, ready.at, missing > 0);
    this.#deliverReady();
  }

  #flushAll(): void {
    while (this.#held.size > 0) this.#skipGap();
  }
}

const signed16 = (difference: number): number => (difference << 16) >> 16;
