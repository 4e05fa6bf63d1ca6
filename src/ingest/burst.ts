import { DecodeError, type DecodedPicture, type Decoders, type Size } from '../decoding/decoding.types.ts';
import { type Clock, pause } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import { joinSignals } from '../runtime/joined-signal.ts';
import type { AccessUnit } from '../video/access-unit.ts';
import type { BurstOutcome } from './stream.types.ts';
import type { Run, UnitRing } from './unit-ring.ts';

/** Pictures a second at most. */
export const MOST_FPS = 10;
/** How often coming units are looked for, in ms. */
const LOOK_MS = 200;
/** How long after `to` its units may still arrive. */
const LATE_MS = 1_000;
/** How long after `to` the decoders may still be busy with it. */
const BUDGET_MS = 15_000;

/** Units for one job, and which of their pictures are wanted. */
export interface BurstSlice {
  readonly units: readonly AccessUnit[];
  /** Indices of `units`, ascending, at least one. The last unit is wanted. */
  readonly wanted: readonly number[];
  readonly continues: boolean;
}

/**
 * Chooses the units of a look-back: the first one at or after each due time. Gives them in slices, as they come; each
 * begins with a keyframe, or continues the slice before. Pure.
 */
export class BurstPlan {
  readonly #from: number;
  readonly #to: number;
  readonly #stepMs: number;
  #due: number;
  /** The last unit given. */
  #last: { readonly stream: number; readonly at: number } | null = null;
  #isFirst = true;
  #gone = 0;

  constructor(from: number, to: number, fps: number) {
    this.#from = from;
    this.#to = to;
    this.#due = from;
    this.#stepMs = 1_000 / Math.min(MOST_FPS, fps);
  }

  /** Pictures wanted from before the first unit that was held. */
  get gone(): number {
    return this.#gone;
  }

  /** Wanted pictures that no slice was given for. */
  get left(): number {
    return this.#due > this.#to ? 0 : Math.floor((this.#to - this.#due) / this.#stepMs) + 1;
  }

  next(ring: Pick<UnitRing, 'span'>): readonly BurstSlice[] {
    const runs = ring.span(this.#last?.at ?? this.#due, this.#to);
    return runs.flatMap((run) => this.#slice(run) ?? []);
  }

  /** The decoder lost its place: the next slice begins with a keyframe. */
  restart(): void {
    this.#last = null;
  }

  /** The pictures from this unit on are wanted again, decoded from its keyframe. */
  again(at: number): void {
    this.#due = at;
    this.restart();
  }

  #slice({ stream, units }: Run): BurstSlice | null {
    const last = this.#last;
    const place = last?.stream === stream ? units.findIndex(({ at }) => at === last.at) : -1;
    const wanted = this.#choose(units);
    const [first, end] = [wanted[0], wanted.at(-1)];
    if (first === undefined || end === undefined) return null;
    const key = units.findLastIndex(({ isKey }, index) => isKey && index <= first);
    const begin = Math.max(place + 1, key);
    this.#last = { stream, at: units[end]?.at ?? this.#to };
    return {
      units: units.slice(begin, end + 1),
      wanted: wanted.map((index) => index - begin),
      continues: place >= 0 && begin !== key,
    };
  }

  #choose(units: readonly AccessUnit[]): readonly number[] {
    const wanted: number[] = [];
    for (const [index, { at }] of units.entries()) {
      if (at < this.#due || at < this.#from || at > this.#to || this.#due > this.#to) continue;
      const missed = Math.floor((at - this.#due) / this.#stepMs);
      // Later on a camera may just send fewer pictures than wanted.
      if (this.#isFirst && at - this.#due >= LATE_MS) this.#gone += missed;
      this.#isFirst = false;
      this.#due += this.#stepMs * (missed + 1);
      wanted.push(index);
    }
    return wanted;
  }
}

export interface BurstOptions {
  readonly cameraId: string;
  readonly ring: UnitRing;
  readonly decoders: Pick<Decoders, 'burst'>;
  readonly clock: Clock;
  /** A number that no session and no burst had before. */
  readonly nextStream: () => number;
  readonly fit: Size;
  /** Epoch ms, past or coming. */
  readonly from: number;
  readonly to: number;
  readonly fps: number;
  /** Ends the burst. */
  readonly signal: AbortSignal;
  /** Resolves true when the picture was sent, false when there was no room for it. Never rejects. */
  readonly onPicture: (picture: DecodedPicture, at: number) => Promise<boolean>;
}

/** One look-back into the ring of a camera. */
export class Burst {
  readonly #options: BurstOptions;
  readonly #plan: BurstPlan;
  readonly #late = new AbortController();
  readonly #missed = { gone: 0, undecodable: 0, overBudget: 0 };
  /** Pictures handed on. */
  #decoded = 0;
  #sent = 0;
  #handing: Promise<unknown> = Promise.resolve();
  #stream: number;

  constructor(options: BurstOptions) {
    this.#options = options;
    this.#plan = new BurstPlan(options.from, options.to, options.fps);
    this.#stream = options.nextStream();
  }

  /** Resolves when the last picture was sent, or dropped. Never rejects. */
  async run(): Promise<BurstOutcome> {
    const { clock, to, ring } = this.#options;
    const timer = clock.setTimeout(() => this.#late.abort(), Math.max(0, to - clock.now()) + BUDGET_MS);
    const joined = joinSignals([this.#options.signal, this.#late.signal]);
    while (!joined.signal.aborted) {
      const isLast = (ring.newestAt ?? 0) >= to || clock.now() >= to + LATE_MS;
      const slices = this.#plan.next(ring);
      for (const slice of slices) await this.#decode(slice, joined.signal);
      // A slice that failed may have to be given again.
      if (isLast && slices.length > 0) continue;
      if (isLast || this.#plan.left === 0) break;
      await pause(clock, LOOK_MS, joined.signal);
    }
    clock.clearTimeout(timer);
    joined.release();
    await this.#handing;
    const left = (ring.newestAt ?? 0) >= to ? 0 : this.#plan.left;
    this.#missed[this.#endReason] += left;
    return { sent: this.#sent, missed: { ...this.#missed, gone: this.#missed.gone + this.#plan.gone } };
  }

  get #endReason(): 'overBudget' | 'gone' {
    return this.#late.signal.aborted ? 'overBudget' : 'gone';
  }

  /** Never rejects. */
  async #decode(slice: BurstSlice, signal: AbortSignal): Promise<void> {
    const before = this.#decoded;
    if (!slice.continues) this.#stream = this.#options.nextStream();
    try {
      if (!signal.aborted) await this.#burst(slice, signal);
      const reason = signal.aborted ? this.#endReason : 'undecodable';
      this.#missed[reason] += slice.wanted.length - (this.#decoded - before);
    } catch (thrown) {
      this.#failed(slice, this.#decoded - before, asError(thrown));
    }
  }

  #burst({ units, wanted, continues }: BurstSlice, signal: AbortSignal): Promise<void> {
    const { cameraId, decoders, fit, onPicture } = this.#options;
    const onDecoded = (index: number, picture: DecodedPicture): void => {
      const unit = units[index];
      if (unit === undefined || this.#options.signal.aborted) return;
      this.#decoded += 1;
      const handed = onPicture(picture, unit.at).then((isSent) => this.#count(isSent));
      this.#handing = Promise.all([this.#handing, handed]);
    };
    const job = { cameraId, units, stream: this.#stream, continues, fit, wanted, onPicture: onDecoded };
    return decoders.burst(job, signal);
  }

  #count(isSent: boolean): void {
    if (isSent) this.#sent += 1;
    else this.#missed[this.#options.signal.aborted ? 'gone' : 'overBudget'] += 1;
  }

  #failed({ units, wanted, continues }: BurstSlice, decoded: number, error: Error): void {
    const code = error instanceof DecodeError ? error.code : 'UNDECODABLE';
    const first = units[wanted[decoded] ?? -1];
    // Decoded from the keyframe once more, where a slice continued one that the decoder does not remember.
    if (code === 'NEEDS_KEYFRAME' && continues && first !== undefined) {
      this.#plan.again(first.at);
      return;
    }
    const isOver = code === 'TOO_MANY' || this.#late.signal.aborted;
    const reason = isOver ? 'overBudget' : code === 'STOPPED' || this.#options.signal.aborted ? 'gone' : 'undecodable';
    this.#missed[reason] += wanted.length - decoded;
    // What follows begins at a keyframe.
    this.#plan.restart();
  }
}
