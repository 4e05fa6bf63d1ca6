/** The bar that says what is missing right now. */
import { el } from './format.js';

/** @typedef {import('../src/http/schemas/operations-schema.ts').HealthReport} HealthReport */
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
  if (nats !== undefined && nats.state !== 'connected')
    notices.push({ level: 'bad', text: nats.notice ?? 'NATS cannot be reached: nothing is judged until it is back.' });
  if (redis !== undefined && redis.state !== 'connected') {
    notices.push({
      level: 'warn',
      text: redis.notice ?? 'Redis cannot be reached: live pictures go on, alerts and newest frames are not kept.',
    });
  } else if (redis !== undefined && !redis.durable) {
    notices.push({
      level: 'warn',
      text: redis.notice ?? 'Redis is a stand-in inside Gantry: alerts are lost when it stops.',
    });
  }
  for (const model of health.models ?? []) {
    if (model.state !== 'ready')
      notices.push({ level: 'bad', text: model.notice ?? `The detector ${model.name} is ${model.state}.` });
  }
  for (const text of health.notices)
    if (!notices.some((known) => known.text === text))
      notices.push({ level: health.status === 'down' ? 'bad' : 'warn', text });
  if (notices.length === 0 && health.status !== 'ok')
    notices.push({ level: health.status === 'down' ? 'bad' : 'warn', text: `Gantry reports: ${health.status}.` });
  return notices;
}

/**
 * What a gap in the feed means to whoever looks. Pure.
 * @param {import('../src/messages/feed.ts').FeedGap} gap
 * @returns {Notice}
 */
export function noticeOfGap({ reason, alertsSince }) {
  const what =
    reason === 'unreachable'
      ? 'Some frames cannot be read now; they come when they can.'
      : 'Some frames were missed while the feed was interrupted.';
  return alertsSince === null
    ? { level: 'warn', text: `${what} Alerts may be missing: the list of each camera has them.` }
    : { level: 'warn', text: `${what} Every alert since ${new Date(alertsSince).toLocaleTimeString()} is here.` };
}

/**
 * @param {import('../src/messages/feed.ts').FeedLag} lag
 * @returns {Notice}
 */
export const noticeOfLag = ({ framesSkipped }) => ({
  level: 'warn',
  text: `This connection is slow: ${framesSkipped === 1 ? '1 frame was' : `${framesSkipped} frames were`} skipped, newer ones are shown.`,
});

export class NoticeBar {
  #bar;
  /** By who says it. @type {Map<string, Notice[]>} */
  #notices = new Map();
  /** Ends what is shown for a while. @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();

  /** @param {HTMLElement} bar */
  constructor(bar) {
    this.#bar = bar;
  }

  /** Replaces what `source` says. @param {string} source @param {Notice[]} notices */
  set(source, notices) {
    if (JSON.stringify(this.#notices.get(source) ?? []) === JSON.stringify(notices)) return;
    this.#notices.set(source, notices);
    this.#bar.replaceChildren(
      ...[...this.#notices.values()]
        .flat()
        .map(({ level, text }) => el('p', { class: 'notice', 'data-level': level }, text)),
    );
  }

  /** Says it for a while only. @param {string} source @param {Notice} notice @param {number} ms */
  setFor(source, notice, ms) {
    clearTimeout(this.#timers.get(source));
    this.#timers.set(
      source,
      setTimeout(() => this.set(source, []), ms),
    );
    this.set(source, [notice]);
  }
}
