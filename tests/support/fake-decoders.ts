import { DecoderPool } from '../../src/decoding/decoder-pool.ts';
import type { DecoderEvents, OpenDecoder } from '../../src/decoding/decoder-process.ts';
import { PooledDecoders } from '../../src/decoding/decoders.ts';
import { type BurstJob, type CutJob, DecodeError, type PictureJob } from '../../src/decoding/decoding.types.ts';
import type { FromDecoder } from '../../src/decoding/from-decoder.ts';
import type { ToDecoder } from '../../src/decoding/to-decoder.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import type { AccessUnit } from '../../src/video/access-unit.ts';
import { memoryLog } from './log.ts';

type Part = Exclude<ToDecoder, { type: 'forget' }>;
const DISPLAY = { width: 1_280, height: 720 };

/** A decoder whose answers the test gives. */
export class FakeDecoder {
  readonly #events: DecoderEvents;
  /** Parts that it has and did not answer. */
  readonly parts: Part[] = [];
  readonly forgotten: string[] = [];
  readonly units: number[] = [];
  isKilled = false;

  constructor(events: DecoderEvents) {
    this.#events = events;
  }

  /** Cameras of the unanswered parts. */
  get cameras(): readonly string[] {
    return this.parts.map(({ cameraId }) => cameraId);
  }

  receive(message: ToDecoder, blocks: readonly Uint8Array[]): void {
    if (message.type === 'forget') this.forgotten.push(message.cameraId);
    else {
      this.parts.push(message);
      this.units.push(blocks.length);
    }
  }

  async ready(): Promise<void> {
    await this.#say({ type: 'ready' }, []);
  }

  /** Answers the first part with all that it wants, after `ms`. */
  async answer(ms = 5): Promise<void> {
    const part = this.parts.shift();
    if (part === undefined) throw new Error('the decoder has no part');
    const indices = part.type === 'cut' ? part.cuts.map((_, index) => index) : part.wanted;
    const pictures = indices.map((index) => ({ index, width: 1, height: 1, display: DISPLAY }));
    const message = { type: 'decoded', job: part.job, ms, pictures, failed: 0, reason: null } as const;
    await this.#say(
      message,
      indices.map((index) => new Uint8Array([index])),
    );
  }

  async refuse(code: Extract<FromDecoder, { type: 'refused' }>['code']): Promise<void> {
    const part = this.parts.shift();
    if (part === undefined) throw new Error('the decoder has no part');
    await this.#say({ type: 'refused', job: part.job, ms: 1, code, reason: `refused: ${code}` }, []);
  }

  async die(byMemory = false): Promise<void> {
    this.parts.length = 0;
    this.#events.onGone({ reason: byMemory ? 'memory' : 'SIGSEGV', byMemory });
    await settle();
  }

  async #say(message: FromDecoder, blocks: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    this.#events.onMessage(message, blocks);
    await settle();
  }
}

/** Decoders over fake processes, on a clock of the test's. */
export function fakeDecoders(count = 1, burstShare = 0.3) {
  const clock = new ManualClock();
  const log = memoryLog();
  const opened: FakeDecoder[] = [];
  const open: OpenDecoder = (events) => {
    const decoder = new FakeDecoder(events);
    opened.push(decoder);
    return {
      pid: opened.length,
      send: (message, blocks) => decoder.receive(message, blocks),
      end: () => void decoder.die(),
      kill: () => {
        decoder.isKilled = true;
        void decoder.die();
      },
    };
  };
  const decoders = new PooledDecoders(new DecoderPool({ open, count, burstShare, clock, log }));
  return { clock, log, opened, decoders };
}

export const units = (count: number, at = 0): AccessUnit[] =>
  Array.from({ length: count }, (_, index) => ({
    codec: 'h264',
    data: new Uint8Array(10),
    isKey: index === 0,
    at: at + index,
    pts: 0,
  }));

const base = (cameraId: string) => ({ cameraId, units: units(1), stream: 1, continues: false });
export const picture = (cameraId: string, more: Partial<PictureJob> = {}): PictureJob => ({
  ...base(cameraId),
  fit: { width: 10, height: 10 },
  ...more,
});
export const burst = (
  cameraId: string,
  count: number,
  onPicture: BurstJob['onPicture'] = () => undefined,
): BurstJob => ({
  ...base(cameraId),
  units: units(count),
  fit: { width: 10, height: 10 },
  wanted: Array.from({ length: count }, (_, index) => index),
  onPicture,
});
export const cut = (cameraId: string, more: Partial<CutJob> = {}): CutJob => ({
  ...base(cameraId),
  picture: { cameraId, at: 0 },
  cuts: [{ left: 0, top: 0, width: 5, height: 5, maxSide: 5 }],
  ...more,
});

/** `done`, or the code of the error. */
export const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (thrown: unknown) => (thrown instanceof DecodeError ? thrown.code : String(thrown)),
  );
