/** Live video of one camera: its own H.264 where the browser plays it, else MPEG-1. */
import { socketUrl } from '../api/request.ts';
import { H264Video, playsH264 } from './live-h264.ts';
import { Mpeg1Video } from './live-mpeg1.ts';
import type { Ended, LivePlayer } from './live-socket.ts';

type Kind = 'h264' | 'mpeg1';

/** The camera sends another kind of video. */
const NOT_H264 = 4415;

export interface LiveVideoEvents {
  /** The video starts, or starts again in another way. */
  readonly onStarting: () => void;
  readonly onShown: () => void;
  /** Not called after `stop`; `reason` is the server's, empty where there is none. */
  readonly onEnd: (reason: string) => void;
}

export class LiveVideo {
  readonly #cameraId: string;
  readonly #parent: HTMLElement;
  readonly #events: LiveVideoEvents;
  #stopped = false;
  #video: LivePlayer | null = null;

  /** Puts the video's element into `parent`. */
  constructor(cameraId: string, parent: HTMLElement, events: LiveVideoEvents) {
    this.#cameraId = cameraId;
    this.#parent = parent;
    this.#events = events;
    this.#begin(playsH264() ? 'h264' : 'mpeg1');
  }

  stop(): void {
    this.#stopped = true;
    this.#video?.stop();
    this.#video = null;
  }

  #begin(kind: Kind): void {
    this.#events.onStarting();
    this.#start(kind).catch(() => this.#ended(kind, { code: 0, reason: 'the live video could not be started' }, false));
  }

  async #start(kind: Kind): Promise<void> {
    const address = await socketUrl(`/ws/live/${encodeURIComponent(this.#cameraId)}`);
    if (this.#stopped) return;
    address.searchParams.set('video', kind);
    let shown = false;
    const video: LivePlayer = new (kind === 'h264' ? H264Video : Mpeg1Video)(address, {
      onShown: () => {
        shown = true;
        if (this.#video === video) this.#events.onShown();
      },
      onEnd: (ended) => {
        if (this.#video === video) this.#ended(kind, ended, shown);
      },
    });
    this.#video = video;
    this.#parent.append(video.element);
    await video.start();
  }

  /** H.264 that never showed a picture, or that the camera no longer sends, gives way to MPEG-1. */
  #ended(kind: Kind, ended: Ended, shown: boolean): void {
    if (this.#stopped) return;
    this.#video?.stop();
    this.#video = null;
    if (kind === 'h264' && (!shown || ended.code === NOT_H264 || ended.code === 0)) {
      this.#begin('mpeg1');
      return;
    }
    this.#stopped = true;
    this.#events.onEnd(ended.reason);
  }
}
