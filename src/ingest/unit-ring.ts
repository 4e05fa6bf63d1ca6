import type { AccessUnit } from '../video/access-unit.ts';

/** Units of one session, in decoding order, without a gap. The first is a keyframe unless said otherwise. */
export interface Run {
  /** Tells sessions apart: units of two of them are never decoded one after the other. */
  readonly stream: number;
  readonly units: readonly AccessUnit[];
}

export interface RingOptions {
  /** Least span that is kept while the bytes allow it, in ms. Default 12 s. */
  readonly spanMs?: number;
  /** Default 24 MB: 12 s of 16 Mbit/s. */
  readonly maxBytes?: number;
  readonly budget?: RingBudget;
}

/** A keyframe and the units up to the next one. */
interface Gop {
  readonly stream: number;
  readonly units: AccessUnit[];
  bytes: number;
  /** `at` of the newest unit after the keyframe that was dropped for want of room; null when none was. */
  droppedTo: number | null;
}

const DEFAULT_SPAN_MS = 12_000;
const DEFAULT_BYTES = 24 * 1024 * 1024;
/** Memory of a unit beside its coded bytes, about. */
const UNIT_OVERHEAD = 200;
/**
 * A unit in a buffer that is larger by more than this is copied: it would keep all of that from being freed. Units in
 * one of Node's pools of 64 kB are not: their neighbours came at the same time and leave the rings together, about.
 */
const MOST_SLACK = 64 * 1024;

/**
 * The last seconds of one camera, compressed. It always begins with a keyframe: whole groups of pictures are dropped
 * from its old end, by time and by bytes. The newest group is kept whatever its age; when it alone is too large, its
 * oldest pictures after the keyframe are dropped, and only the later ones can still be continued.
 */
export class UnitRing {
  readonly #spanMs: number;
  readonly #maxBytes: number;
  readonly #budget: RingBudget | null;
  /** Oldest first. */
  readonly #gops: Gop[] = [];
  #stream = 0;
  #bytes = 0;
  #lastAt = -Infinity;
  /** `at` of the newest unit when pictures younger than the span were last dropped for want of room. */
  #cutAt = -Infinity;

  constructor({ spanMs = DEFAULT_SPAN_MS, maxBytes = DEFAULT_BYTES, budget }: RingOptions = {}) {
    this.#spanMs = spanMs;
    this.#maxBytes = maxBytes;
    this.#budget = budget ?? null;
    this.#budget?.join(this);
  }

  /** Bytes kept, with an estimate of the memory around them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The session whose units come now. */
  get stream(): number {
    return this.#stream;
  }

  /** Span of the units held, in seconds. */
  get keptSeconds(): number {
    const first = this.#gops[0]?.units[0];
    return first === undefined ? 0 : (this.#lastAt - first.at) / 1000;
  }

  /** True while fewer seconds than wanted are kept, for want of room. */
  get isShort(): boolean {
    return this.#lastAt - this.#cutAt < this.#spanMs;
  }

  /** `at` of the newest unit; null when empty. */
  get newestAt(): number | null {
    return this.#gops.length === 0 ? null : this.#lastAt;
  }

  /** What follows is another session, whose units do not continue those before. */
  begin(stream: number): void {
    this.#stream = stream;
  }

  /**
   * Adds the newest unit and returns it as it is held: its `at` names it, so it is raised where another unit arrived
   * in the same millisecond. Null for a unit that cannot be decoded, as no keyframe of its session came before.
   */
  push(unit: AccessUnit): AccessUnit | null {
    let gop = this.#gops.at(-1);
    if (unit.isKey) {
      gop = { stream: this.#stream, units: [], bytes: 0, droppedTo: null };
      this.#gops.push(gop);
    }
    if (gop === undefined || gop.stream !== this.#stream) return null;
    const held = this.#own(unit);
    gop.units.push(held);
    this.#lastAt = held.at;
    this.#add(gop, sizeOf(held));
    this.#dropOld();
    while (this.#bytes > this.#maxBytes && this.shrink());
    this.#budget?.settle();
    return held;
  }

  /** Frees some of the oldest memory. False when nothing but one keyframe is left. */
  shrink(): boolean {
    const [gop, next] = this.#gops;
    if (gop === undefined || (next === undefined && gop.units.length <= 1)) return false;
    this.#cutAt = this.#lastAt;
    if (next !== undefined) {
      this.#dropFirst(gop);
      return true;
    }
    // A quarter at a time, so that each unit is moved a few times at most.
    const dropped = gop.units.splice(1, Math.ceil((gop.units.length - 1) / 4));
    gop.droppedTo = dropped.at(-1)?.at ?? gop.droppedTo;
    this.#add(gop, -dropped.reduce((sum, unit) => sum + sizeOf(unit), 0));
    return true;
  }

  /** From the keyframe to the unit with this `at`; null when it, or a unit between the two, is not held. */
  upTo(at: number): Run | null {
    const gop = this.#gops.findLast(({ units: [key] }) => key !== undefined && key.at <= at);
    const index = gop?.units.findIndex((unit) => unit.at === at) ?? -1;
    if (gop === undefined || index < 0 || (gop.droppedTo !== null && index > 0)) return null;
    return { stream: gop.stream, units: gop.units.slice(0, index + 1) };
  }

  /**
   * The units after the one with `at` in this session, up to `to`; they continue it. Null when some are gone, or when a
   * keyframe came since: {@link upTo} is less work then.
   */
  after(stream: number, at: number, to: number): Run | null {
    const gop = this.#gops.at(-1);
    const key = gop?.units[0];
    if (gop === undefined || key === undefined || gop.stream !== stream || key.at > at) return null;
    if (gop.droppedTo !== null && gop.droppedTo > at) return null;
    return { stream, units: gop.units.filter((unit) => unit.at > at && unit.at <= to) };
  }

  /** All units from the newest keyframe on; null when there are none, or some are gone. */
  sinceKeyframe(): Run | null {
    const gop = this.#gops.at(-1);
    if (gop === undefined || gop.stream !== this.#stream || gop.droppedTo !== null) return null;
    return { stream: gop.stream, units: [...gop.units] };
  }

  /**
   * The units of `from` to `to`, beginning with the keyframe at or before `from`, or the first one after it: a run for
   * each session.
   */
  span(from: number, to: number): readonly Run[] {
    const first = this.#gops.findLastIndex(({ units: [key] }) => key !== undefined && key.at <= from);
    const runs: { readonly stream: number; readonly units: AccessUnit[] }[] = [];
    for (const gop of this.#gops.slice(Math.max(0, first))) {
      const units = gop.droppedTo === null ? gop.units.filter((unit) => unit.at <= to) : [];
      if (units.length === 0) continue;
      const run = runs.at(-1);
      if (run === undefined || run.stream !== gop.stream) runs.push({ stream: gop.stream, units });
      else run.units.push(...units);
    }
    // The keyframe before `from` may be of an earlier session, with nothing after `from`.
    return runs.filter(({ units }) => (units.at(-1)?.at ?? -Infinity) >= from);
  }

  /** Drops everything. Times may begin anew, earlier than before. */
  clear(): void {
    while (this.#gops[0] !== undefined) this.#dropFirst(this.#gops[0]);
    this.#lastAt = -Infinity;
    this.#cutAt = -Infinity;
  }

  /** Drops everything and leaves the budget. */
  close(): void {
    this.clear();
    this.#budget?.leave(this);
  }

  #own(unit: AccessUnit): AccessUnit {
    const isSmallPart = unit.data.buffer.byteLength - unit.data.byteLength > MOST_SLACK;
    const at = Math.max(unit.at, this.#lastAt + 1);
    if (!isSmallPart && at === unit.at) return unit;
    return { ...unit, at, data: isSmallPart ? new Uint8Array(unit.data) : unit.data };
  }

  #dropOld(): void {
    for (;;) {
      const [gop, next] = this.#gops;
      const until = next?.units[0]?.at;
      if (gop === undefined || until === undefined || until > this.#lastAt - this.#spanMs) return;
      this.#dropFirst(gop);
    }
  }

  #dropFirst(gop: Gop): void {
    this.#gops.shift();
    this.#add(gop, -gop.bytes);
  }

  #add(gop: Gop, bytes: number): void {
    gop.bytes += bytes;
    this.#bytes += bytes;
    this.#budget?.add(bytes);
  }
}

const sizeOf = (unit: AccessUnit): number => unit.data.byteLength + UNIT_OVERHEAD;

/** The bytes of all rings together. Over the bound the largest ring gives up its oldest pictures, again and again. */
export class RingBudget {
  readonly #maxBytes: number;
  readonly #rings = new Set<UnitRing>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  join(ring: UnitRing): void {
    this.#rings.add(ring);
  }

  leave(ring: UnitRing): void {
    this.#rings.delete(ring);
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  settle(): void {
    while (this.#bytes > this.#maxBytes) {
      let largest: UnitRing | null = null;
      for (const ring of this.#rings) if (largest === null || ring.bytes > largest.bytes) largest = ring;
      if (largest === null || !largest.shrink()) return;
    }
  }
}
