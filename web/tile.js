/** One camera on the page: its newest frame with boxes, its risk and its status. */
import { showPicture } from './api.js';
import { age, el, plural, setText } from './format.js';
import { LiveVideo } from './live.js';
import { draw } from './overlay.js';
import { marks, sourceName, summary } from './risk.js';

/** @typedef {import('../src/messages/aggregate.ts').Aggregate} Aggregate */
/** @typedef {import('../src/messages/camera.ts').CameraStatus} CameraStatus */
/** @typedef {import('../src/http/schemas/cameras-schema.ts').CameraView} CameraView */

/** A picture is stale after this time without a new frame, or longer for long intervals. */
const STALE_MS = 10_000;

/** Whether `a` is a later frame than `b`, or a later revision of it. @param {Aggregate} a @param {Aggregate} b */
export function isNewer(a, b) {
  const ahead = Date.parse(a.timestamp) - Date.parse(b.timestamp);
  return ahead > 0 || (ahead === 0 && a.revision > b.revision);
}

/**
 * @typedef {object} Page
 * @property {() => number} now
 * @property {(camera: CameraView) => void} onRemove
 * @property {(element: Element, tile: CameraTile) => void} watch reports the tile's visibility to `visible`
 */

export class CameraTile {
  element;
  #camera;
  #now;
  /** The newest frame heard of; its picture may still be loading. @type {Aggregate | null} */
  #newest = null;
  /** The frame whose picture and boxes are shown. @type {Aggregate | null} */
  #shown = null;
  #loading = false;
  #visible = false;
  /** @type {LiveVideo | null} */
  #live = null;
  #dot = el('span', { class: 'dot', role: 'img', 'data-state': 'connecting' });
  #name = el('h3', {});
  #state = el('span', { class: 'muted state' });
  #picture = el('div', { class: 'picture' });
  #image = el('img', { alt: '', hidden: '' });
  #canvas = el('canvas', { 'aria-hidden': 'true' });
  #veil = el('p', { class: 'veil' }, 'Waiting for the first frame');
  #badge = el('span', { class: 'badge', 'data-level': 'waiting' }, '–');
  #source = el('span', { class: 'source' });
  #marks = el('span', { class: 'marks' });
  #text = el('p', { class: 'text' });
  #age = el('span');
  #figures = el('span');
  #meta = el('p', { class: 'meta muted' }, this.#age, this.#figures);
  #liveButton = el('button', { type: 'button', 'aria-pressed': 'false' }, 'Live');
  #removeButton = el('button', { type: 'button', class: 'quiet' }, '✕');

  /**
   * @param {CameraView} camera
   * @param {Page} page
   */
  constructor(camera, page) {
    this.#camera = camera;
    this.#now = page.now;
    this.#picture.append(this.#image, this.#canvas, this.#veil);
    this.element = el(
      'article',
      { class: 'tile', 'data-camera': camera.cameraId },
      el('header', {}, this.#dot, this.#name, this.#state, this.#liveButton, this.#removeButton),
      this.#picture,
      el('div', { class: 'risk' }, this.#badge, this.#marks, this.#source, this.#text),
      this.#meta,
    );
    this.#liveButton.addEventListener('click', () => this.#toggleLive());
    this.#removeButton.addEventListener('click', () => page.onRemove(this.#camera));
    new ResizeObserver(() => this.#redraw()).observe(this.#picture);
    page.watch(this.element, this);
    this.describe(camera);
  }

  /** The registry's view: name, status, figures. @param {CameraView} camera */
  describe(camera) {
    this.#camera = camera;
    setText(this.#name, camera.name);
    this.#name.title = `${camera.cameraId} · ${camera.url}`;
    this.#liveButton.setAttribute('aria-label', `Live video of ${camera.name}`);
    this.#removeButton.setAttribute('aria-label', `Remove ${camera.name}`);
    this.status(camera.enabled ? camera.status : { ...camera.status, state: 'offline', message: 'switched off' });
  }

  /** @param {CameraStatus} status */
  status(status) {
    this.#dot.dataset['state'] = status.state;
    this.#dot.setAttribute('aria-label', status.state);
    this.#dot.title = `${status.state}: ${status.message}`;
    // For a camera that is online, the dot is enough.
    if (this.#live === null) setText(this.#state, status.state === 'online' ? '' : status.state);
    this.#state.title = status.message;
    if (this.#shown === null)
      setText(this.#veil, status.state === 'online' ? 'Waiting for the first frame' : status.message || status.state);
  }

  /** Shows an aggregate unless a later frame or revision is shown. @param {Aggregate} aggregate */
  frame(aggregate) {
    if (this.#newest !== null && !isNewer(aggregate, this.#newest)) return;
    this.#newest = aggregate;
    this.#load();
  }

  /** Pictures are loaded only while the tile is visible. @param {boolean} visible */
  visible(visible) {
    this.#visible = visible;
    if (visible) this.#load();
  }

  /** Called about twice a second. */
  tick() {
    const newest = this.#newest;
    const limit = Math.max(STALE_MS, 2500 * this.#camera.intervalSeconds);
    const old = newest === null ? 0 : this.#now() - Date.parse(newest.timestamp);
    this.element.classList.toggle('stale', newest !== null && old > limit);
    if (newest === null) {
      setText(this.#age, '');
      setText(this.#figures, '');
      return;
    }
    const latency = (Date.parse(newest.publishedAt) - Date.parse(newest.timestamp)) / 1000;
    setText(
      this.#age,
      old > limit ? `no new frame for ${age(old)}` : `${age(old)} ago · ${latency.toFixed(2)} s latency`,
    );
    setText(
      this.#figures,
      `${plural(newest.detectedObjects.length, 'object')} · ${this.#camera.figures.framesPerSecond.toFixed(2)} fps`,
    );
  }

  dispose() {
    this.#live?.stop();
    this.element.remove();
  }

  /** Loads the newest picture, one at a time; picture and boxes change together, in one step. */
  #load() {
    const next = this.#newest;
    if (this.#loading || !this.#visible || next === null || next === this.#shown) return;
    if (next.imageId === null) {
      this.#show(next, null);
      return;
    }
    this.#loading = true;
    const image = el('img', { alt: '' });
    image.decoding = 'async';
    showPicture(next.imageId, image)
      .then(
        () => this.#show(next, image),
        () => this.#show(next, null),
      )
      .finally(() => {
        this.#loading = false;
        this.#load();
      });
  }

  /** @param {Aggregate} aggregate @param {HTMLImageElement | null} image null when the picture is gone */
  #show(aggregate, image) {
    this.#shown = aggregate;
    this.#picture.dataset['request'] = aggregate.requestId;
    const next = image ?? el('img', { alt: '', hidden: '' });
    next.alt =
      image === null
        ? ''
        : `${this.#camera.name} at ${aggregate.timestamp}: ${plural(aggregate.detectedObjects.length, 'object')}`;
    this.#image.replaceWith(next);
    this.#image = next;
    this.#veil.hidden = image !== null;
    if (image === null) setText(this.#veil, 'The picture is no longer kept');
    this.#redraw();
    const level = aggregate.riskAssessment.maxRiskLevel;
    this.element.dataset['level'] = level;
    this.#badge.dataset['level'] = level;
    setText(this.#badge, level);
    setText(this.#source, sourceName(aggregate));
    const found = marks(aggregate).map(({ name, title }) => el('span', { class: 'mark', title }, name));
    this.#marks.replaceChildren(...found);
    const text = summary(aggregate);
    setText(this.#text, text);
    this.#text.title = text;
    this.tick();
  }

  #redraw() {
    draw(this.#canvas, this.#live === null ? this.#shown : null);
  }

  #toggleLive() {
    if (this.#live !== null) {
      this.#endLive('');
      return;
    }
    this.#live = new LiveVideo(this.#camera.cameraId, this.#picture, (reason) => this.#endLive(reason));
    this.#liveButton.setAttribute('aria-pressed', 'true');
    this.element.classList.add('live');
    // Boxes belong to analysed frames; the video runs ahead of them.
    this.#redraw();
  }

  /** @param {string} reason empty when the user ended it */
  #endLive(reason) {
    this.#live?.stop();
    this.#live = null;
    this.#liveButton.setAttribute('aria-pressed', 'false');
    this.element.classList.remove('live');
    this.#liveButton.title = reason;
    if (reason !== '') setText(this.#state, reason);
    this.#redraw();
  }
}
