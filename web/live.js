/** Live video of one camera: its own H.264 where the browser plays it, else MPEG-1. */
import { socketUrl } from './api.js';
import { el } from './format.js';
import { H264Video, playsH264 } from './live-h264.js';
import { Mpeg1Video } from './live-mpeg1.js';

/** @typedef {import('./live-socket.js').Ended} Ended */
/** @typedef {'h264' | 'mpeg1'} Kind */

/** The camera sends another kind of video. */
const NOT_H264 = 4415;

export class LiveVideo {
  #cameraId;
  #parent;
  #note = el('p', { class: 'live-note' }, 'Starting the live video…');
  #onEnd;
  #stopped = false;
  /** @type {H264Video | Mpeg1Video | null} */
  #video = null;

  /**
   * @param {string} cameraId
   * @param {HTMLElement} parent
   * @param {(reason: string) => void} onEnd not called after `stop`
   */
  constructor(cameraId, parent, onEnd) {
    this.#cameraId = cameraId;
    this.#parent = parent;
    this.#onEnd = onEnd;
    parent.append(this.#note);
    this.#begin(playsH264() ? 'h264' : 'mpeg1');
  }

  stop() {
    this.#stopped = true;
    this.#video?.stop();
    this.#video = null;
    this.#note.remove();
  }

  /** @param {Kind} kind */
  #begin(kind) {
    this.#start(kind).catch(() => this.#ended(kind, { code: 0, reason: 'the live video could not be started' }, false));
  }

  /** @param {Kind} kind */
  async #start(kind) {
    const address = await socketUrl(`/ws/live/${encodeURIComponent(this.#cameraId)}`);
    if (this.#stopped) return;
    address.searchParams.set('video', kind);
    let shown = false;
    const video = new (kind === 'h264' ? H264Video : Mpeg1Video)(address, {
      onShown: () => {
        shown = true;
        this.#note.textContent = 'Live video, without boxes';
      },
      onEnd: (ended) => {
        if (this.#video === video) this.#ended(kind, ended, shown);
      },
    });
    this.#video = video;
    this.#parent.insertBefore(video.element, this.#note);
    await video.start();
  }

  /**
   * H.264 that never showed a picture, or that the camera no longer sends, gives way to MPEG-1.
   *
   * @param {Kind} kind
   * @param {Ended} ended
   * @param {boolean} shown
   */
  #ended(kind, ended, shown) {
    if (this.#stopped) return;
    this.#video?.stop();
    this.#video = null;
    if (kind === 'h264' && (!shown || ended.code === NOT_H264 || ended.code === 0)) {
      this.#note.textContent = 'Starting the live video…';
      this.#begin('mpeg1');
      return;
    }
    this.#stopped = true;
    this.#onEnd(ended.reason || 'there is no live video now');
  }
}
