import { checkSource } from '../infra/source-policy.ts';
import type { AccessUnit } from '../video/access-unit.ts';
import { CameraLink } from './camera-link.ts';
import { type CameraPlace, placeOf, redirected } from './camera-url.ts';
import type { OpenRtsp, RtspSession, RtspSessionOptions, RtspStream, SessionEnd } from './rtsp.types.ts';
import { sessionEnd } from './session-ends.ts';
import { withoutSecrets } from './url-secrets.ts';

const MAX_REDIRECTS = 4;

/** One attempt to play a camera, over as many links as it redirects to. */
class PlaySession implements RtspSession {
  readonly #options: RtspSessionOptions;
  /** Null for a URL that may not be read. */
  #link: CameraLink | null = null;
  #place: CameraPlace;
  #redirects = 0;
  #stream: RtspStream | null = null;
  #isOver = false;
  /** Of links that were left. */
  #bytesBefore = 0;
  #lostBefore = 0;
  #droppedBefore = 0;
  #lastBefore: number | null = null;
  /** At most one of each redirect. */
  readonly #leaving: Promise<void>[] = [];

  constructor(options: RtspSessionOptions) {
    this.#options = options;
    const verdict = checkSource(options.url);
    this.#place = verdict.ok ? placeOf(options.url) : { url: options.url, credentials: null };
    if (verdict.ok) this.#link = this.#dial();
    else queueMicrotask(() => this.#end(sessionEnd('REFUSED_ADDRESS', `its URL ${verdict.reason}`)));
  }

  get lastPacketAt(): number | null {
    return this.#link?.lastPacketAt ?? this.#lastBefore;
  }

  get bytes(): number {
    return this.#bytesBefore + (this.#link?.bytes ?? 0);
  }

  get lost(): number {
    return this.#lostBefore + (this.#link?.lost ?? 0);
  }

  get droppedPictures(): number {
    return this.#droppedBefore + (this.#link?.droppedPictures ?? 0);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all([...this.#leaving, this.#link?.leave()]);
  }

  #dial(): CameraLink {
    const { transport, certificateSha256, keepAliveMs = null, clock, names } = this.#options;
    return new CameraLink({
      place: this.#place,
      transport,
      certificateSha256,
      keepAliveMs,
      clock,
      names,
      onPlaying: (stream) => this.#onPlaying(stream),
      onUnit: (unit) => this.#onUnit(unit),
      onRedirect: (location) => this.#onRedirect(location),
      onEnd: (end) => this.#end(end),
    });
  }

  #onPlaying(stream: RtspStream): void {
    if (this.#isOver) return;
    const before = this.#stream;
    this.#stream = stream;
    if (before === null) this.#options.onPlaying(stream);
    else if (before.codec !== stream.codec || before.transport !== stream.transport)
      this.#end(sessionEnd('ENDED', 'the camera moved to another place, where its stream is another one'));
  }

  #onUnit(unit: AccessUnit): void {
    if (!this.#isOver) this.#options.onUnit(unit);
  }

  #onRedirect(location: string): void {
    if (this.#isOver) return;
    this.#redirects += 1;
    const next =
      this.#redirects > MAX_REDIRECTS
        ? `it is one of more than ${MAX_REDIRECTS} redirects`
        : redirected(location, this.#place, this.#options.allow);
    if (typeof next === 'string') {
      this.#end(sessionEnd('REFUSED_ADDRESS', `the camera redirects to a place that may not be read: ${next}`));
      return;
    }
    [this.#bytesBefore, this.#lostBefore, this.#lastBefore] = [this.bytes, this.lost, this.lastPacketAt];
    this.#droppedBefore = this.droppedPictures;
    if (this.#link !== null) this.#leaving.push(this.#link.leave());
    this.#place = next;
    this.#link = this.#dial();
  }

  #end(end: SessionEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    void this.#link?.leave();
    // A camera may quote its request.
    const clean = withoutSecrets(this.#place.url)(withoutSecrets(this.#options.url)(end.message));
    this.#options.onEnd({ ...end, message: clean });
  }
}

/**
 * Plays the video track of a camera: see `rtsp.types.ts`. A URL that `checkSource` refuses ends the session too.
 */
export const openRtsp: OpenRtsp = (options) => new PlaySession(options);
