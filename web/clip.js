/** The video around an alert: a button, and a player once it is pressed. */
import { ApiError, loadFile } from './api.js';
import { el } from './format.js';

/** Time for the largest clip on a slow line. */
const LOAD_MS = 60_000;

/** The one that plays: a clip takes megabytes. @type {Clip | null} */
let playing = null;

export class Clip {
  #path;
  #button = el('button', { type: 'button', class: 'quiet' }, 'Clip');
  #note = el('span', { class: 'muted' });
  /** @type {HTMLVideoElement | null} */
  #video = null;
  /** Address of the loaded clip. @type {string | null} */
  #url = null;
  #loading = false;
  #closed = false;
  element = el('div', { class: 'clip' }, this.#button, this.#note);

  /** @param {string} requestId of the alert */
  constructor(requestId) {
    this.#path = `/api/alerts/${requestId}/clip.mp4`;
    this.#button.addEventListener('click', () => {
      if (this.#video === null) void this.#load();
      else this.#hide();
    });
  }

  /** The alert is no longer shown. */
  close() {
    this.#closed = true;
    this.#hide();
  }

  async #load() {
    if (this.#loading) return;
    this.#loading = true;
    this.#note.textContent = 'Loading…';
    try {
      const file = await loadFile(this.#path, LOAD_MS);
      if (!this.#closed) this.#play(URL.createObjectURL(file));
    } catch (thrown) {
      const text = thrown instanceof ApiError ? thrown.message.replace(/^id: /u, '') : 'the clip could not be loaded';
      this.#note.textContent = text;
    } finally {
      this.#loading = false;
    }
  }

  /** @param {string} url */
  #play(url) {
    if (playing !== null) playing.#hide();
    playing = this;
    this.#url = url;
    this.#note.textContent = '';
    this.#button.textContent = 'Close';
    const video = el('video', { controls: '', autoplay: '', playsinline: '' });
    video.muted = true;
    video.addEventListener('error', () => {
      // As H.265 in many browsers.
      video.remove();
      const save = el('a', { href: url, download: 'clip.mp4' }, 'save it');
      this.#note.replaceChildren('This browser cannot play the clip: ', save);
    });
    video.src = url;
    this.#video = video;
    this.element.append(video);
  }

  #hide() {
    if (playing === this) playing = null;
    if (this.#url === null) return;
    this.#video?.remove();
    this.#video = null;
    URL.revokeObjectURL(this.#url);
    this.#url = null;
    this.#note.textContent = '';
    this.#button.textContent = 'Clip';
  }
}
