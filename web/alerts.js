/** The newest high-risk frames of all cameras. */
import { request, showPicture } from './api.js';
import { Clip } from './clip.js';
import { clockTime, el } from './format.js';
import { marks, summary } from './risk.js';

/** @typedef {import('../src/messages/aggregate.ts').Aggregate} Aggregate */

const SHOWN = 30;
/** Concurrent look-ups of old alerts. */
const LOOKUPS = 4;

export class Alerts {
  /** Newest first. @type {Aggregate[]} */
  #alerts = [];
  /** By alert, over its revisions. @type {Map<string, Clip>} */
  #clips = new Map();
  /** Crops not loaded yet. @type {WeakMap<Element, string>} */
  #crops = new WeakMap();
  /** Loads a crop once it comes near the visible area. */
  #observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) if (isIntersecting) this.#loadCrop(target);
    },
    { rootMargin: '200px' },
  );
  #list;
  #none;
  #nameOf;

  /** @param {HTMLElement} list @param {HTMLElement} none @param {(cameraId: string) => string} nameOf */
  constructor(list, none, nameOf) {
    this.#list = list;
    this.#none = none;
    this.#nameOf = nameOf;
  }

  /** @param {readonly Aggregate[]} aggregates */
  add(aggregates) {
    const fresh = aggregates.filter(
      (each) => !this.#alerts.some((known) => known.requestId === each.requestId && known.revision >= each.revision),
    );
    if (fresh.length === 0) return;
    const better = new Set(fresh.map((each) => each.requestId));
    const kept = new Map([...this.#list.children].map((child) => [child.getAttribute('data-request'), child]));
    for (const id of better) kept.delete(id);
    const others = this.#alerts.filter((known) => !better.has(known.requestId));
    this.#alerts = [...fresh, ...others]
      .toSorted((a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp))
      .slice(0, SHOWN);
    const shown = new Set(this.#alerts.map((alert) => alert.requestId));
    for (const [id, clip] of this.#clips) {
      if (shown.has(id)) continue;
      clip.close();
      this.#clips.delete(id);
    }
    this.#none.hidden = this.#alerts.length > 0;
    this.#list.replaceChildren(...this.#alerts.map((alert) => kept.get(alert.requestId) ?? this.#row(alert)));
  }

  /** Updates the alert of a frame that was revised, if it is shown. @param {Aggregate} aggregate */
  revise(aggregate) {
    if (aggregate.revision > 0 && this.#alerts.some((known) => known.requestId === aggregate.requestId))
      this.add([aggregate]);
  }

  /** Loads the alerts from before the page was opened. @param {readonly string[]} cameraIds */
  async load(cameraIds) {
    const queue = cameraIds.values();
    const worker = async () => {
      for (const id of queue) {
        // A camera removed meanwhile has none, and live alerts arrive anyway.
        /** @type {Aggregate[]} */
        const old = await request(`/api/cameras/${id}/alerts?limit=5`).catch(() => []);
        this.add(old);
      }
    };
    await Promise.all(Array.from({ length: LOOKUPS }, worker));
  }

  /** @param {Element} image */
  #loadCrop(image) {
    this.#observer.unobserve(image);
    const crop = this.#crops.get(image);
    if (crop === undefined || !(image instanceof HTMLImageElement)) return;
    showPicture(crop, image).catch(() => image.remove()); // pictures live for minutes, alerts for longer
  }

  /** @param {string} requestId */
  #clipOf(requestId) {
    const clip = this.#clips.get(requestId) ?? new Clip(requestId);
    this.#clips.set(requestId, clip);
    return clip;
  }

  /** @param {Aggregate} alert */
  #row(alert) {
    const level = alert.riskAssessment.maxRiskLevel;
    const worst = alert.riskAssessment.results.find((result) => result.riskLevel === level);
    const crop = alert.trafficGroups.find((group) => group.groupIndex === worst?.groupIndex)?.cropId ?? null;
    const row = el('li', { 'data-request': alert.requestId, 'data-level': level });
    if (crop !== null) {
      const image = el('img', { alt: '' });
      row.append(image);
      this.#crops.set(image, crop);
      this.#observer.observe(image);
    }
    row.append(
      el(
        'div',
        {},
        el(
          'p',
          { class: 'alert-head' },
          el('span', { class: 'badge', 'data-level': level }, level),
          ...marks(alert).map(({ name, title }) => el('span', { class: 'mark', title }, name)),
          el('time', { datetime: alert.timestamp, class: 'muted' }, clockTime(alert.timestamp)),
        ),
        el('p', {}, el('strong', {}, this.#nameOf(alert.cameraId))),
        el('p', {}, summary(alert)),
        this.#clipOf(alert.requestId).element,
      ),
    );
    return row;
  }
}
