import { once } from 'node:events';
import {
  type BurstJob,
  type CutJob,
  DecodeError,
  type DecodeErrorCode,
  type DecodedPicture,
  type Decoders,
  type PictureJob,
} from '../../src/decoding/decoding.types.ts';
import type { OpenRtsp, RtspSession, RtspSessionOptions, SessionEnd } from '../../src/rtsp/rtsp.types.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import type { AccessUnit } from '../../src/video/access-unit.ts';
import { unitAt } from './access-units.ts';

/** A session that the test plays. */
export interface FakeSession extends RtspSession {
  readonly options: RtspSessionOptions;
  readonly stopped: boolean;
  readonly isPlaying: boolean;
  play(codec?: AccessUnit['codec']): void;
  /** Packets come, but no unit. */
  packet(): void;
  unit(isKey: boolean, over?: Partial<AccessUnit>): void;
  end(end?: Partial<SessionEnd>): void;
}

/** RTSP without a network: each `open` adds a session, which does nothing by itself. */
export function fakeRtsp(clock: Clock): { readonly open: OpenRtsp; readonly sessions: FakeSession[] } {
  const sessions: FakeSession[] = [];
  const open: OpenRtsp = (options) => {
    const session = {
      options,
      lastPacketAt: null as number | null,
      bytes: 0,
      lost: 0,
      droppedPictures: 0,
      stopped: false,
      isPlaying: false,
      play: (codec: AccessUnit['codec'] = 'h264') => {
        session.isPlaying = true;
        options.onPlaying({ codec, transport: 'tcp' });
      },
      packet: () => {
        session.lastPacketAt = clock.now();
        session.bytes += 100;
      },
      unit: (isKey: boolean, over: Partial<AccessUnit> = {}) => {
        session.packet();
        options.onUnit({ ...unitAt(clock.now(), { isKey }), ...over });
      },
      end: (end: Partial<SessionEnd> = {}) =>
        options.onEnd({ code: 'ENDED', message: 'the camera ended the stream', retryAfterMs: null, ...end }),
      stop: () => {
        session.stopped = true;
        return Promise.resolve();
      },
    };
    sessions.push(session);
    return session;
  };
  return { open, sessions };
}

/** A picture that shows nothing. */
export const blankPicture = (width = 4, height = 2, display = { width: 1280, height: 720 }): DecodedPicture => ({
  data: new Uint8Array(width * height * 3),
  width,
  height,
  display,
});

/** Decoders that answer at once; a test may make them fail or wait. */
export class FakeDecoders implements Decoders {
  readonly pictures: PictureJob[] = [];
  readonly bursts: BurstJob[] = [];
  readonly cuts: CutJob[] = [];
  readonly forgotten: string[] = [];
  /** The error of the next jobs; null for none. */
  failure: DecodeErrorCode | null = null;
  /** Fails jobs that continue others, once each time that it is set. */
  forgetful = false;
  /** Times of pictures that are kept for cuts. */
  readonly kept = new Set<number>();
  answer = blankPicture();
  /** While set, jobs wait for it. */
  gate: Promise<void> | null = null;

  async picture(job: PictureJob): Promise<DecodedPicture> {
    this.pictures.push(job);
    await this.#pass(job.continues);
    return this.answer;
  }

  async burst(job: BurstJob, signal: AbortSignal): Promise<void> {
    this.bursts.push(job);
    await Promise.race([this.#pass(job.continues), once(signal, 'abort').catch(() => undefined)]);
    for (const index of job.wanted) if (!signal.aborted) job.onPicture(index, this.answer);
  }

  async cut(job: CutJob): Promise<readonly DecodedPicture[]> {
    this.cuts.push(job);
    await this.#pass(false);
    if (job.units.length === 0 && !this.kept.has(job.picture.at)) throw new DecodeError('UNDECODABLE', 'not kept');
    return job.cuts.map(({ width, height }) => blankPicture(width, height));
  }

  forget(cameraId: string): void {
    this.forgotten.push(cameraId);
  }

  stats(): ReturnType<Decoders['stats']> {
    const waiting = { wanted: 0, due: 0, burst: 0 };
    return { decoders: 1, waiting, decoded: 0, failed: 0, died: 0, isolated: [], busy: 0, burstBusy: 0 };
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  async #pass(continues: boolean): Promise<void> {
    if (this.gate !== null) await this.gate;
    if (this.failure !== null) throw new DecodeError(this.failure, `fails as ${this.failure}`);
    if (!continues || !this.forgetful) return;
    this.forgetful = false;
    throw new DecodeError('NEEDS_KEYFRAME', 'forgotten');
  }
}
