/** The bar that shows current problems. */
import { el } from './format.js';

/** @typedef {import('../src/http/schemas/operations-schema.ts').HealthReport} HealthReport */
/** @typedef {{ level: 'bad' | 'warn', text: string }} Notice */

/**
 * The notices for a health report. Pure.
 * @param {HealthReport} health
 * @returns {Notice[]}
 */
export function noticesOf(health) {
  const level = health.status === 'down' ? 'bad' : 'warn';
  const notices = [...natsNotices(health), ...redisNotices(health), ...modelNotices(health)];
  for (const text of health.notices) if (!notices.some((known) => known.text === text)) notices.push({ level, text });
  if (notices.length === 0 && health.status !== 'ok')
    notices.push({ level, text: `Gantry reports: ${health.status}.` });
  return notices;
}

/** @param {Pick<HealthReport, 'nats'>} health @returns {Notice[]} */
function natsNotices({ nats }) {
  if (nats === undefined || nats.state === 'connected') return [];
  return [{ level: 'bad', text: nats.notice ?? 'NATS cannot be reached: nothing is assessed until it is back.' }];
}

/** @param {Pick<HealthReport, 'redis'>} health @returns {Notice[]} */
function redisNotices({ redis }) {
  if (redis === undefined || (redis.state === 'connected' && redis.durable)) return [];
  const text =
    redis.state === 'connected'
      ? 'Redis is a stand-in inside Gantry: alerts are lost when it stops.'
      : 'Redis cannot be reached: live pictures continue, but alerts and newest frames are not kept.';
  return [{ level: 'warn', text: redis.notice ?? text }];
}

/** @param {Pick<HealthReport, 'models'>} health @returns {Notice[]} */
const modelNotices = ({ models }) =>
  (models ?? [])
    .filter(({ state }) => state !== 'ready')
    .map(({ name, state, notice }) => ({ level: 'bad', text: notice ?? `The detector ${name} is ${state}.` }));

/**
 * The notice for a gap in the feed. Pure.
 * @param {import('../src/messages/feed.ts').FeedGap} gap
 * @returns {Notice}
 */
export function noticeOfGap({ reason, alertsSince }) {
  const cause =
    reason === 'unreachable'
      ? 'Some frames cannot be read now; they follow later.'
      : 'Some frames were missed while the feed was interrupted.';
  return alertsSince === null
    ? { level: 'warn', text: `${cause} Alerts may be missing here; the alert history has them.` }
    : { level: 'warn', text: `${cause} Every alert since ${new Date(alertsSince).toLocaleTimeString()} is here.` };
}

/**
 * @param {import('../src/messages/feed.ts').FeedLag} lag
 * @returns {Notice}
 */
export const noticeOfLag = ({ framesSkipped }) => ({
  level: 'warn',
  text:
    `This connection is slow: ${framesSkipped === 1 ? '1 frame was' : `${framesSkipped} frames were`} skipped, ` +
    'newer ones are shown.',
});

export class NoticeBar {
  #bar;
  /** By source. @type {Map<string, Notice[]>} */
  #notices = new Map();
  /** Timers of temporary notices, by source. @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();

  /** @param {HTMLElement} bar */
  constructor(bar) {
    this.#bar = bar;
  }

  /** Replaces the notices of `source`. @param {string} source @param {Notice[]} notices */
  set(source, notices) {
    if (JSON.stringify(this.#notices.get(source) ?? []) === JSON.stringify(notices)) return;
    this.#notices.set(source, notices);
    this.#bar.replaceChildren(
      ...[...this.#notices.values()]
        .flat()
        .map(({ level, text }) => el('p', { class: 'notice', 'data-level': level }, text)),
    );
  }

  /** Shows a notice for a while. @param {string} source @param {Notice} notice @param {number} ms */
  setFor(source, notice, ms) {
    clearTimeout(this.#timers.get(source));
    this.#timers.set(
      source,
      setTimeout(() => this.set(source, []), ms),
    );
    this.set(source, [notice]);
  }
}
