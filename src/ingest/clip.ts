import { type Clock, pause } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import type { AccessUnit } from '../video/access-unit.ts';
import type { ClipOutcome } from './stream.types.ts';
import type { Run, UnitRing } from './unit-ring.ts';

/** Copies units into a file. Rejects, with a message for people, for a codec that it cannot hold. */
export type MuxMp4 = (units: readonly AccessUnit[]) => Promise<{
  readonly mp4: Uint8Array<ArrayBuffer>;
  /** Arrival of the first and the last picture in it, epoch ms. */
  readonly from: number;
  readonly to: number;
}>;

/** How often the ring is looked at while a clip waits, so that nothing of it leaves the ring unseen. */
const LOOK_MS = 250;
/** How long after `to` its units may still arrive. */
const LATE_MS = 1_500;
/** Coded bytes of one clip; the end of a larger one is left out. */
const MOST_BYTES = 32 * 1024 * 1024;

/** Collects the units of a span while it passes, beginning with the keyframe at or before it. */
export class ClipUnits {
  readonly #from: number;
  readonly #to: number;
  readonly #runs: { readonly stream: number; readonly units: AccessUnit[] }[] = [];
  #lastAt: number | null = null;
  #bytes = 0;

  constructor(from: number, to: number) {
    this.#from = from;
    this.#to = to;
  }

  /** Takes the units that the ring has got since the last call. */
  collect(ring: Pick<UnitRing, 'span'>): void {
    const lastAt = this.#lastAt;
    for (const { stream, units } of ring.span(lastAt ?? this.#from, this.#to))
      for (const unit of units) if (lastAt === null || unit.at > lastAt) this.#add(stream, unit);
  }

  /** The session that most of the span is of; null when there was nothing. */
  longest(): Run | null {
    const within = ({ units }: Run): number => units.filter(({ at }) => at >= this.#from).length;
    return this.#runs.toSorted((a, b) => within(b) - within(a))[0] ?? null;
  }

  #add(stream: number, unit: AccessUnit): void {
    this.#lastAt = unit.at;
    this.#bytes += unit.data.byteLength;
    if (this.#bytes > MOST_BYTES) return;
    const run = this.#runs.at(-1);
    if (run?.stream === stream) run.units.push(unit);
    else this.#runs.push({ stream, units: [unit] });
  }
}

export interface ClipOptions {
  readonly ring: UnitRing;
  readonly clock: Clock;
  readonly from: number;
  readonly to: number;
  readonly mux: MuxMp4;
  /** Ends the wait: the clip has what came so far. */
  readonly signal: AbortSignal;
}

/** The stream from `from` to `to` as an MP4, when `to` has passed. Never rejects. */
export async function cutClip({ ring, clock, from, to, mux, signal }: ClipOptions): Promise<ClipOutcome> {
  const collected = new ClipUnits(from, to);
  for (;;) {
    collected.collect(ring);
    const isOver = clock.now() >= to && ((ring.newestAt ?? 0) >= to || clock.now() >= to + LATE_MS);
    if (isOver || signal.aborted) break;
    await pause(clock, LOOK_MS, signal);
  }
  const run = collected.longest();
  if (run === null) return { ok: false, reason: 'the video of that time is no longer kept, or the camera sent none' };
  try {
    const made = await mux(run.units);
    return { ok: true, mp4: made.mp4, from: made.from, to: made.to };
  } catch (thrown) {
    return { ok: false, reason: asError(thrown).message };
  }
}
