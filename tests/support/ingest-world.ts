import { IngestCameras, type IngestOptions } from '../../src/ingest/ingest-cameras.ts';
import { jpegParts } from '../../src/ingest/live-tap.ts';
import type { Status } from '../../src/ingest/stream-status.ts';
import type { StreamSettings } from '../../src/ingest/stream.types.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import type { AccessUnit } from '../../src/video/access-unit.ts';
import { FakeDecoders, fakeRtsp, type FakeSession } from './fake-stream.ts';
import { memoryLog } from './log.ts';

export const SETTINGS: StreamSettings = {
  url: 'rtsp://10.0.0.7/live',
  transport: 'auto',
  certificateSha256: null,
  allow: null,
  previewSocket: null,
};

/** A byte for each unit. */
export const fakeMp4 = (units: readonly AccessUnit[]): Awaited<ReturnType<IngestOptions['muxMp4']>> => ({
  mp4: new Uint8Array(units.length),
  from: units[0]?.at ?? NaN,
  to: units.at(-1)?.at ?? NaN,
});

/** Cameras without a network, without decoders and without time of their own. */
export class IngestWorld {
  readonly clock = new ManualClock(1_800_000_000_000);
  /** By how much the machine's clock was set, in ms. */
  skewMs = 0;
  /** The machine's clock, as the ingest sees it. */
  readonly machine: Clock = {
    now: () => this.clock.now() + this.skewMs,
    setTimeout: (fn, ms) => this.clock.setTimeout(fn, ms),
    clearTimeout: (handle) => this.clock.clearTimeout(handle),
  };
  readonly decoders = new FakeDecoders();
  readonly rtsp = fakeRtsp(this.machine);
  readonly log = memoryLog();
  readonly pictures: { readonly cameraId: string; readonly at: number; readonly burst: boolean }[] = [];
  readonly statuses: (Status & { readonly cameraId: string })[] = [];
  readonly ingest: IngestCameras;

  constructor(over: Partial<IngestOptions> = {}) {
    this.ingest = new IngestCameras({
      clock: this.machine,
      log: this.log,
      openRtsp: this.rtsp.open,
      decoders: this.decoders,
      muxer: () => jpegParts,
      muxMp4: (units) => Promise.resolve(fakeMp4(units)),
      leaseMs: 9_000,
      allBytes: 1e9,
      mostAnalysed: 8,
      onPicture: (cameraId, _picture, at, burst) => {
        this.pictures.push({ cameraId, at, burst });
        this.ingest.analysed(cameraId, burst);
      },
      onStatus: (cameraId, status) => this.statuses.push({ cameraId, ...status }),
      ...over,
    });
  }

  follow(cameraId = 'a', over: Partial<StreamSettings> = {}, intervalMs = 2_000): void {
    this.#wishes.set(cameraId, [over, intervalMs]);
    this.ingest.follow(cameraId, { settings: { ...SETTINGS, ...over }, intervalMs, fit: { width: 448, height: 256 } });
  }

  /** The newest session. */
  get session(): FakeSession {
    const session = this.rtsp.sessions.at(-1);
    if (session === undefined) throw new Error('no session was opened');
    return session;
  }

  /** What the registry heard last. */
  get status(): string {
    const status = this.statuses.at(-1);
    return status === undefined ? '' : `${status.state}: ${status.message}`;
  }

  /** Follows a camera and lets its session play. */
  async online(cameraId = 'a', over: Partial<StreamSettings> = {}, intervalMs = 2_000): Promise<FakeSession> {
    this.follow(cameraId, over, intervalMs);
    await this.clock.advance(0);
    const { session } = this;
    session.play();
    session.unit(true);
    await this.clock.advance(0);
    return session;
  }

  /** Plays on: a unit each 100 ms, a keyframe each `gop` units, the lease renewed. */
  async film(session: FakeSession, seconds: number, gop = 10, cameraId = 'a'): Promise<void> {
    for (let n = 1; n <= seconds * 10; n += 1) {
      await this.clock.advance(100);
      if (session.stopped) return;
      session.unit(n % gop === 0);
      if (n % 20 === 0) this.#renew(cameraId);
    }
    await this.clock.advance(0);
  }

  /** Lets time pass with the lease renewed. */
  async wait(ms: number, cameraId = 'a'): Promise<void> {
    for (let left = ms; left > 0; left -= 2_000) {
      this.#renew(cameraId);
      await this.clock.advance(Math.min(2_000, left));
    }
  }

  #renew(cameraId: string): void {
    const wish = this.#wishes.get(cameraId);
    if (wish !== undefined) this.follow(cameraId, ...wish);
  }

  readonly #wishes = new Map<string, [Partial<StreamSettings>, number]>();
}
