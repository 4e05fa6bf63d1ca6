import type { AccessUnit } from '../video/access-unit.ts';
import { type Cut, DecodeError, type DecodedPicture, type Size, type Urgency } from './decoding.types.ts';
import type { FromDecoder } from './from-decoder.ts';
import type { ToDecoder } from './to-decoder.ts';

/** Coded bytes of one part, at most; a larger unit makes a part of its own. */
const PART_BYTES = 8 * 1024 * 1024;
/** Times that a job begins anew after its decoder or the decoder's state were lost. */
const MAX_RESTARTS = 2;

export interface TaskPlan {
  readonly cameraId: string;
  readonly urgency: Urgency;
  readonly units: readonly AccessUnit[];
  readonly stream: number;
  readonly continues: boolean;
  /** The state is kept for jobs that continue this one. */
  readonly keep: boolean;
  /** Indices of units whose pictures are wanted, ascending. */
  readonly wanted: readonly number[];
  /** Null: the last picture is only kept for cuts. */
  readonly fit: Size | null;
  /** `at` of the last unit, to keep its picture for cuts; null for none. */
  readonly keepAs: number | null;
  /** Cuts of the last picture, which are all that is wanted. */
  readonly cuts: { readonly at: number; readonly cuts: readonly Cut[] } | null;
  /** True when the job fails without a picture. */
  readonly isPictureNeeded: boolean;
  readonly onPicture: (index: number, picture: DecodedPicture) => void;
  /** Called once. */
  readonly onDone: (error: DecodeError | null) => void;
}

export interface Part {
  readonly message: Exclude<ToDecoder, { type: 'forget' }>;
  readonly blocks: readonly Uint8Array[];
}

/** A job on its way through a decoder, in parts of a few units, so that no job holds up others for long. */
export class DecodeTask {
  readonly id: number;
  readonly plan: TaskPlan;
  /** Units that were decoded, and those of the part that a decoder has. */
  #next = 0;
  #sent = 0;
  /** The next part asks for cuts of a picture that the decoder keeps. */
  #asksForCuts: boolean;
  #wasDecoded = false;
  #hasBegun = false;
  #restarts = 0;
  #delivered = 0;
  #newest = -1;
  #reason = 'it gave no picture';
  #isOver = false;

  constructor(id: number, plan: TaskPlan) {
    this.id = id;
    this.plan = plan;
    this.#asksForCuts = plan.cuts !== null;
  }

  get cameraId(): string {
    return this.plan.cameraId;
  }

  get urgency(): Urgency {
    return this.plan.urgency;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** A decoder was given a part of it. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Its next part needs state that only one decoder has. */
  get needsState(): boolean {
    return this.plan.continues || this.#next > 0;
  }

  /** The next part, of at most `maxUnits` units. */
  nextPart(maxUnits: number): Part {
    const { plan } = this;
    this.#hasBegun = true;
    if (this.#asksForCuts && plan.cuts !== null) {
      const message = { type: 'cut', job: this.id, cameraId: plan.cameraId, ...plan.cuts } as const;
      return { message, blocks: [] };
    }
    const blocks = this.#blocks(maxUnits);
    const first = this.#next;
    this.#sent = first + blocks.length;
    const last = this.#sent === plan.units.length;
    const isShared = plan.units.length === 1 && !plan.continues && !plan.keep;
    return {
      blocks,
      message: {
        type: 'decode',
        job: this.id,
        cameraId: plan.cameraId,
        codec: plan.units[first]?.codec ?? 'h264',
        context: {
          name: isShared ? null : `${plan.urgency}:${plan.stream}`,
          begin: first === 0 && !plan.continues,
          keep: plan.keep,
        },
        first,
        wanted: plan.wanted.filter((index) => index >= first && index < this.#sent && index > this.#newest),
        fit: plan.fit,
        keepAs: last ? plan.keepAs : null,
        last,
      },
    };
  }

  /** Takes the answer to a part. `more`: further parts are to be decoded. */
  onAnswer(
    answer: Exclude<FromDecoder, { type: 'ready' }>,
    blocks: readonly Uint8Array<ArrayBuffer>[],
  ): 'more' | 'done' {
    if (answer.type === 'refused') return this.#onRefused(answer);
    for (const [at, { index, width, height, display }] of answer.pictures.entries()) {
      const data = blocks[at];
      if (data === undefined) continue;
      this.#delivered += 1;
      this.#newest = Math.max(this.#newest, index);
      try {
        this.plan.onPicture(index, { data, width, height, display });
      } catch (thrown) {
        return this.#finish(new DecodeError('STOPPED', 'the receiver of the pictures failed', thrown));
      }
    }
    this.#reason = answer.reason ?? this.#reason;
    if (this.#asksForCuts) return this.#finish(null);
    this.#next = this.#sent;
    if (this.#next < this.plan.units.length) return 'more';
    if (this.plan.cuts !== null) {
      this.#next = 0;
      this.#wasDecoded = true;
      this.#asksForCuts = true;
      return 'more';
    }
    const isLacking = this.plan.isPictureNeeded && this.#delivered === 0;
    return this.#finish(isLacking ? new DecodeError('UNDECODABLE', this.#reason) : null);
  }

  /** The decoder, or its state for this job, is gone. `more`: the job begins anew. */
  onLost(): 'more' | 'done' {
    if (this.plan.continues)
      return this.#finish(new DecodeError('NEEDS_KEYFRAME', 'the decoder lost the state that the job continues'));
    this.#restarts += 1;
    if (this.#restarts > MAX_RESTARTS)
      return this.#finish(new DecodeError('DECODER_DIED', 'the decoder of this job was lost again and again'));
    this.#next = 0;
    this.#asksForCuts = this.plan.cuts !== null;
    return 'more';
  }

  fail(error: DecodeError): void {
    this.#finish(error);
  }

  #onRefused({ code, reason }: Extract<FromDecoder, { type: 'refused' }>): 'more' | 'done' {
    if (code === 'NEEDS_KEYFRAME') return this.onLost();
    if (code !== 'MISSING') return this.#finish(new DecodeError(code, reason));
    const { units } = this.plan;
    if (this.#wasDecoded || units.length === 0) return this.#finish(new DecodeError('UNDECODABLE', this.#reason));
    this.#asksForCuts = false;
    return 'more';
  }

  #blocks(maxUnits: number): Uint8Array[] {
    const blocks: Uint8Array[] = [];
    let bytes = 0;
    for (const { data } of this.plan.units.slice(this.#next, this.#next + Math.max(1, maxUnits))) {
      bytes += data.length;
      if (blocks.length > 0 && bytes > PART_BYTES) break;
      blocks.push(data);
    }
    return blocks;
  }

  #finish(error: DecodeError | null): 'done' {
    if (!this.#isOver) {
      this.#isOver = true;
      this.plan.onDone(error);
    }
    return 'done';
  }
}
