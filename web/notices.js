/** The bar that says what is missing right now. */
import { el } from './format.js';

/** @typedef {import('../src/http/schemas/operations.ts').HealthReport} HealthReport */
/** @typedef {{ level: 'bad' | 'warn', text: string }} Notice */

/**
 * What a report asks to be told. Pure.
 * @param {HealthReport} health
 * @returns {Notice[]}
 */
export function noticesOf(health) {
  /** @type {Notice[]} */
  const notices = [];
  const { nats, redis } = health;
  if (nats !== undefined && nats.state !== 'connected') notices.push({ level: 'bad', text: nats.notice ?? 'NATS cannot be reached: nothing is judged until it is back.' });
  if (redis !== undefined && redis.state !== 'connected') {
    notices.push({ level: 'warn', text: redis.notice ?? 'Redis cannot be reached: live pictures go on, alerts and newest frames are not kept.' });
  } else if (redis !== undefined && !redis.durable) {
    notices.push({ level: 'warn', text: redis.notice ?? 'Redis is a stand-in inside Gantry: alerts are lost when it stops.' });
  }
  for (const model of health.models ?? []) {
    if (model.state !== 'ready') notices.push({ level: 'bad', text: model.notice ?? `The detector ${model.name} is ${model.state}.` });
  }
  for (const text of health.notices) if (!notices.some((known) => known.text === text)) notices.push({ level: health.status === 'down' ? 'bad' : 'warn', text });
  if (notices.length === 0 && health.status !== 'ok') notices.push({ level: health.status === 'down' ? 'bad' : 'warn', text: `Gantry reports: ${health.status}.` });
  return notices;
}

export class NoticeBar {
  #bar;
  /** By who says it. @type {Map<string, Notice[]>} */
  #notices = new Map();

  /** @param {HTMLElement} bar */
  constructor(bar) {
    this.#bar = bar;
  }

  /** Replaces what `source` says. @param {string} source @param {Notice[]} notices */
  set(source, notices) {
    if (JSON.stringify(this.#notices.get(source) ?? []) === JSON.stringify(notices)) return;
    this.#notices.set(source, notices);
    this.#bar.replaceChildren(...[...this.#notices.values()].flat().map(({ level, text }) => el('p', { class: 'notice', 'data-level': level }, text)));
  }
}
