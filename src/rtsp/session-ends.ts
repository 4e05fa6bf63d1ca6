import { printable } from '../runtime/printable.ts';
import type { SessionEnd, SessionEndCode } from './rtsp.types.ts';
import { headerOf, type RtspMessage } from './wire-reader.ts';

/** Cameras lock accounts after a few wrong passwords. */
const LOGIN_PAUSE_MS = 60_000;
/** A session that was cut without TEARDOWN counts for up to its time-out, a minute at most cameras. */
const BUSY_PAUSE_MS = 30_000;
const BUSY_PAUSE_LEAST_MS = 5_000;
const BUSY_PAUSE_MOST_MS = 300_000;
/** Characters of a camera's own words that are looked at, and shown. */
const MAX_LOOKED_AT = 1_024;
const MAX_SHOWN = 120;
/** Vendors answer 400 or 500 too, and say it in the reason or the body. */
const FULL = [
  /too many|no (?:free|more|available)|server busy|overload/iu,
  /\bmax(?:imum)?\b.{0,40}(?:session|connection|client|user|stream)/iu,
  /(?:session|connection|client|user|stream)s?\b.{0,40}\b(?:limit|exceed|full|max)/iu,
];

export const sessionEnd = (code: SessionEndCode, message: string, retryAfterMs: number | null = null): SessionEnd => ({
  code,
  message,
  retryAfterMs,
});

/** Status code of a reply; null for a request of the camera. */
export function statusOf(message: RtspMessage): number | null {
  const status = /^RTSP\/\S+ (\d{3})/u.exec(message.start)?.[1];
  return status === undefined ? null : Number(status);
}

/** Status and reason of a reply, for people, in one line of at most 120 characters. */
export const shownStatus = (message: RtspMessage): string =>
  printable(message.start.replace(/^RTSP\/\S+ /u, '').slice(0, MAX_SHOWN)).slice(0, MAX_SHOWN);

/** Whether the camera refuses because it serves as many sessions as it can. */
export function saysFull(message: RtspMessage): boolean {
  const status = statusOf(message) ?? 0;
  if (status === 453 || status === 503) return true;
  const words = `${message.start.slice(0, MAX_LOOKED_AT)}\n${message.body.toString('latin1', 0, MAX_LOOKED_AT)}`;
  return (status === 400 || status >= 500) && FULL.some((pattern) => pattern.test(words));
}

/** The end of a session whose needed request `method` was answered with an error. */
export function endByStatus(method: string, message: RtspMessage): SessionEnd {
  const status = statusOf(message) ?? 0;
  const shown = shownStatus(message);
  if (saysFull(message)) {
    const after = headerOf(message, 'retry-after') ?? '';
    const asked = /^\d{1,6}$/u.test(after) ? Number(after) * 1000 : BUSY_PAUSE_MS;
    const pause = Math.min(BUSY_PAUSE_MOST_MS, Math.max(BUSY_PAUSE_LEAST_MS, asked));
    const text = `the camera has no free session (${shown}); close another reader, or allow more in the camera`;
    return sessionEnd('BUSY', text, pause);
  }
  if (status === 403)
    return sessionEnd('REFUSED', `the camera forbids this user to see the stream (${shown})`, LOGIN_PAUSE_MS);
  if (status === 404)
    return sessionEnd('REFUSED', `the camera has no stream at this path (${shown}); check the path of its URL`);
  if (status === 454) return sessionEnd('REFUSED', `the camera no longer knows our session (${shown})`);
  if (method === 'SETUP' && status === 461)
    return sessionEnd('REFUSED', `the camera refuses every way to send its packets that may be used (${shown})`);
  return sessionEnd('REFUSED', `the camera answers ${method} with ${shown}`);
}

/** The end of a session whose login was refused. */
export function endByLogin(reason: 'missing' | 'wrong' | 'unknown-method', message: RtspMessage): SessionEnd {
  const texts = {
    missing: 'asks for a user and a password, and its URL has none; write rtsp://user:password@host/path',
    wrong: 'refuses the user or the password of its URL',
    'unknown-method': 'asks for a login method that Gantry does not know; it knows Basic and Digest',
  } as const;
  return sessionEnd('LOGIN', `the camera ${texts[reason]} (${shownStatus(message)})`, LOGIN_PAUSE_MS);
}
