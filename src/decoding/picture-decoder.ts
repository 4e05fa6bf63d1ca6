import type { Frame } from 'node-av/lib';
import type { VideoCodec } from '../video/access-unit.ts';
import { CodecState, type DecodedFrames } from './codec-state.ts';
import { MAX_BLOCKS } from './decoder-framing.ts';
import { FrameScaler } from './frame-scaler.ts';
import type { FromDecoder, PictureHeader, RefusalCode } from './from-decoder.ts';
import { PictureCache } from './picture-cache.ts';
import { displaySize, fitted, inside, planCut } from './picture-geometry.ts';
import type { ToDecoder } from './to-decoder.ts';

/** States of jobs that continue; then the least recently used goes. */
const MAX_STATES = 32;
/** A state that no job continued for so long is freed. */
const STATE_IDLE_MS = 60_000;
const CACHE_BYTES = 256 * 1024 * 1024;

type DecodePart = Extract<ToDecoder, { type: 'decode' }>;
type CutPart = Extract<ToDecoder, { type: 'cut' }>;

export interface Answer {
  readonly message: FromDecoder;
  readonly blocks: readonly Uint8Array[];
}

/** A refusal with its code. */
class Refusal extends Error {
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Decodes for many cameras, inside a decoder process. Every call returns when its work is done. */
export class PictureDecoder {
  readonly #cache = new PictureCache<Frame>(CACHE_BYTES, (frame) => frame.free());
  readonly #scaler = new FrameScaler();
  /** By camera and name, the least recently used first. */
  readonly #states = new Map<string, { readonly codec: CodecState; readonly usedAt: number }>();
  /** For jobs of one keyframe: emptied after each. */
  readonly #shared = new Map<VideoCodec, CodecState>();

  /** Null for messages without an answer. */
  handle(message: ToDecoder, units: readonly Uint8Array[]): Answer | null {
    if (message.type === 'forget') {
      this.#forget(message.cameraId);
      return null;
    }
    const began = performance.now();
    try {
      const done = message.type === 'cut' ? this.#cut(message) : this.#decode(message, units);
      const ms = performance.now() - began;
      const { pictures, blocks, failed, reason } = done;
      return { message: { type: 'decoded', job: message.job, ms, pictures, failed, reason }, blocks };
    } catch (thrown) {
      const ms = performance.now() - began;
      const code = thrown instanceof Refusal ? thrown.code : 'UNDECODABLE';
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      return { message: { type: 'refused', job: message.job, ms, code, reason }, blocks: [] };
    }
  }

  /** Frees all that can be had again by decoding. */
  shed(): void {
    this.#cache.clear();
    this.#scaler.clear();
    for (const key of this.#states.keys()) this.#drop(key);
    for (const state of this.#shared.values()) state.free();
    this.#shared.clear();
  }

  #forget(cameraId: string): void {
    this.#cache.forget(cameraId);
    for (const key of this.#states.keys()) if (key.startsWith(`${cameraId}\n`)) this.#drop(key);
  }

  #decode(part: DecodePart, units: readonly Uint8Array[]): Collected {
    const key = `${part.cameraId}\n${part.context.name}`;
    const state = this.#stateFor(part, key);
    const lastIndex = part.first + units.length - 1;
    if (part.first === 0) state.awaited.clear();
    for (const index of part.wanted) state.awaited.add(index);
    if (part.keepAs !== null) state.awaited.add(lastIndex);
    const collected: Collected = new Collected(state.awaited, (index, frame) =>
      this.#take(part, index, frame, collected, index === lastIndex),
    );
    try {
      for (const [at, data] of units.entries()) state.decode(part.first + at, data, collected);
      if (part.last && state.awaited.size > 0) {
        state.drain(collected);
        if (part.context.name !== null) this.#drop(key);
      }
    } finally {
      if (part.context.name === null) state.flush();
      else if (part.last && !part.context.keep) this.#drop(key);
    }
    return collected;
  }

  #take(part: DecodePart, index: number, frame: Frame, collected: Collected, isLast: boolean): void {
    const display = displaySize(frame, frame.sampleAspectRatio);
    if (part.keepAs !== null && isLast) {
      const kept = frame.clone();
      if (kept !== null) this.#cache.put(part.cameraId, part.keepAs, kept, bytesOf(frame));
    }
    if (part.fit === null) return;
    const size = fitted(display, part.fit);
    collected.add({ index, ...size, display }, this.#scaler.toRgb(frame, size));
  }

  #cut(part: CutPart): Collected {
    const frame = this.#cache.get(part.cameraId, part.at);
    if (frame === null) throw new Refusal('MISSING', 'the picture is not kept any more');
    const display = displaySize(frame, frame.sampleAspectRatio);
    const collected = new Collected(new Set(), () => undefined);
    const plans = part.cuts.map((cut) => {
      const within = inside(cut, display);
      if (within === null) throw new Refusal('UNDECODABLE', 'a cut lies outside of the picture');
      return planCut(within, display, frame);
    });
    const bytes = plans.reduce((sum, { crop }) => sum + crop.width * crop.height * 3, 0);
    if (bytes > MAX_BLOCKS) throw new Refusal('TOO_MANY', `cuts of ${bytes} bytes, more than ${MAX_BLOCKS}`);
    for (const [index, plan] of plans.entries()) {
      const { width, height } = plan.crop;
      collected.add({ index, width, height, display }, this.#scaler.cut(frame, plan));
    }
    return collected;
  }

  #stateFor({ context, codec }: DecodePart, key: string): CodecState {
    if (context.name === null) {
      const shared = this.#shared.get(codec) ?? new CodecState(codec);
      this.#shared.set(codec, shared);
      return shared;
    }
    if (context.begin) this.#drop(key);
    const kept = this.#states.get(key)?.codec;
    if (!context.begin && kept?.codec !== codec)
      throw new Refusal('NEEDS_KEYFRAME', 'the state that the job continues is not kept any more');
    const state = kept ?? new CodecState(codec);
    this.#states.delete(key);
    const now = performance.now();
    this.#states.set(key, { codec: state, usedAt: now });
    for (const [oldest, { usedAt }] of this.#states) {
      if (this.#states.size <= MAX_STATES && now - usedAt < STATE_IDLE_MS) break;
      this.#drop(oldest);
    }
    return state;
  }

  #drop(key: string): void {
    this.#states.get(key)?.codec.free();
    this.#states.delete(key);
  }
}

/** The wanted pictures of one part. */
class Collected implements DecodedFrames {
  readonly pictures: PictureHeader[] = [];
  readonly blocks: Uint8Array[] = [];
  failed = 0;
  reason: string | null = null;
  readonly #awaited: Set<number>;
  readonly #take: (index: number, frame: Frame) => void;

  constructor(awaited: Set<number>, take: (index: number, frame: Frame) => void) {
    this.#awaited = awaited;
    this.#take = take;
  }

  onFrame(index: number, frame: Frame): void {
    if (this.#awaited.delete(index)) this.#take(index, frame);
  }

  onDamage(index: number, reason: string): void {
    this.failed += 1;
    this.reason = reason;
    this.#awaited.delete(index);
  }

  add(header: PictureHeader, rgb: Uint8Array): void {
    this.pictures.push(header);
    this.blocks.push(rgb);
  }
}

/** A little more than the memory of its planes: those of colour have fewer rows. */
const bytesOf = (frame: Frame): number =>
  frame.linesize.reduce((sum, stride) => sum + Math.abs(stride) * frame.height, 0);
