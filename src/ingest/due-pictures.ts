import { DecodeError, type DecodedPicture, type Decoders, type Size } from '../decoding/decoding.types.ts';
import type { Clock } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import type { AccessUnit } from '../video/access-unit.ts';
import type { AnalysisWindow } from './analysis-window.ts';
import type { Sampler, Take } from './sampler.ts';
import type { Run, UnitRing } from './unit-ring.ts';

/** Why a due picture did not come. */
export const SKIP_REASONS = ['replaced', 'gone', 'undecodable', 'died', 'timed-out', 'refused'] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

/** Counts of all cameras, since the start. */
export interface DueCounts {
  due: number;
  sent: number;
  readonly skipped: Record<SkipReason, number>;
}

export const newDueCounts = (): DueCounts => ({
  due: 0,
  sent: 0,
  skipped: { replaced: 0, gone: 0, undecodable: 0, died: 0, 'timed-out': 0, refused: 0 },
});

/** When a picture was decoded, in ms. */
export interface DecodeTimes {
  /** From the picture's arrival until it was given to the decoders. */
  readonly queuedMs: number;
  /** From there until it was decoded. */
  readonly decodeMs: number;
}

export interface DuePicturesOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly cameraId: string;
  readonly ring: UnitRing;
  readonly sampler: Sampler;
  readonly decoders: Pick<Decoders, 'picture'>;
  /** A place is held until the camera is done with the picture. */
  readonly window: AnalysisWindow;
  readonly fit: () => Size;
  readonly counts: DueCounts;
  readonly onPicture: (picture: DecodedPicture, at: number, times: DecodeTimes) => void;
  /** A picture was lost for a reason of its own: damaged, unknown to the decoder, or deadly to it. */
  readonly onFailure: (error: Error) => void;
}

const REASON_OF: Readonly<Record<DecodeError['code'], SkipReason>> = {
  UNDECODABLE: 'undecodable',
  NEEDS_KEYFRAME: 'gone',
  DECODER_DIED: 'died',
  TIMED_OUT: 'timed-out',
  REPLACED: 'replaced',
  TOO_MANY: 'refused',
  STOPPED: 'refused',
};

/** The regular pictures of one camera: gives the units that are due to the decoders, and hands on what comes out. */
export class DuePictures {
  readonly #options: DuePicturesOptions;
  /** The due picture that waits for a place in the window. */
  #due: { readonly unit: AccessUnit; readonly take: Exclude<Take, 'skip'> } | null = null;
  /** The unit that this camera's decoder stands at. */
  #decodedTo: { readonly stream: number; readonly at: number } | null = null;
  /** The last picture was lost for a reason of its own. */
  #wasLost = false;
  #stopped = false;

  constructor(options: DuePicturesOptions) {
    this.#options = options;
  }

  /** `unit`: the newest of the ring. */
  onUnit(unit: AccessUnit): void {
    const { cameraId, sampler, counts, window } = this.#options;
    const take = sampler.offer(unit);
    if (take === 'skip' || this.#stopped) return;
    counts.due += 1;
    if (this.#due !== null) this.#skip('replaced');
    this.#due = { unit, take };
    window.ask(cameraId, () => this.#begin());
  }

  /** What is still with the decoders is no longer wanted. */
  stop(): void {
    this.#stopped = true;
    this.#due = null;
    this.#options.window.forget(this.#options.cameraId);
  }

  #begin(): void {
    const { ring } = this.#options;
    const due = this.#due;
    this.#due = null;
    if (due === null) this.#free();
    else if (due.take === 'continues') void this.#decodeUpTo(due.unit.at);
    else {
      // It may have waited while newer ones came.
      const newest = ring.sinceKeyframe()?.units[0] ?? due.unit;
      void this.#decode({ stream: ring.stream, units: [newest] }, false);
    }
  }

  #free(): void {
    this.#options.window.done(this.#options.cameraId);
  }

  #decodeUpTo(at: number): Promise<void> {
    const { ring } = this.#options;
    const from = this.#decodedTo;
    const more = from === null ? null : ring.after(from.stream, from.at, at);
    const run = more ?? ring.upTo(at);
    if (run !== null && run.units.length > 0) return this.#decode(run, more !== null);
    this.#skip('gone');
    this.#free();
    return Promise.resolve();
  }

  /** Never rejects. */
  async #decode(run: Run, continues: boolean): Promise<void> {
    const last = run.units.at(-1);
    if (last === undefined) return;
    const { clock } = this.#options;
    const begunAt = clock.now();
    try {
      const picture = await this.#pictureOf(run, continues, last.at);
      this.#decodedTo = { stream: run.stream, at: last.at };
      if (this.#stopped) return;
      const times = { queuedMs: Math.max(0, begunAt - last.at), decodeMs: Math.max(0, clock.now() - begunAt) };
      this.#hand(picture, last.at, times);
    } catch (thrown) {
      this.#decodedTo = null;
      this.#failed(asError(thrown));
      this.#free();
    }
  }

  async #pictureOf(run: Run, continues: boolean, at: number): Promise<DecodedPicture> {
    const { cameraId, decoders, fit, ring } = this.#options;
    const decode = (from: Run, goesOn: boolean): Promise<DecodedPicture> =>
      decoders.picture({ cameraId, ...from, continues: goesOn, fit: fit() });
    try {
      return await decode(run, continues);
    } catch (thrown) {
      // The decoder was replaced, or had no room to remember the camera: begin at the keyframe again.
      const again = continues && isNeedsKeyframe(thrown) ? ring.upTo(at) : null;
      if (again === null) throw thrown;
      return decode(again, false);
    }
  }

  #hand(picture: DecodedPicture, at: number, times: DecodeTimes): void {
    this.#wasLost = false;
    this.#options.counts.sent += 1;
    this.#options.window.handed(this.#options.cameraId);
    this.#options.onPicture(picture, at, times);
  }

  #failed(error: Error): void {
    if (this.#stopped) return;
    const reason = error instanceof DecodeError ? REASON_OF[error.code] : 'undecodable';
    this.#skip(reason);
    if (reason === 'replaced' || reason === 'refused' || reason === 'gone') return;
    // One lost picture is made up for soon. Where all are lost, that would only cost more decoders.
    if (!this.#wasLost) this.#options.sampler.hurry();
    this.#wasLost = true;
    this.#options.onFailure(error);
  }

  #skip(reason: SkipReason): void {
    this.#options.counts.skipped[reason] += 1;
  }
}

const isNeedsKeyframe = (thrown: unknown): boolean => thrown instanceof DecodeError && thrown.code === 'NEEDS_KEYFRAME';
