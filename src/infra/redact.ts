/**
 * Keeps passwords out of logs, replies, metric labels and messages. Where a text is ambiguous these functions hide
 * too much rather than too little.
 */
export const REDACTED = '***';

/** Names of parameters whose values are secrets, wherever they stand: query strings, or the paths some recorders use. */
const SECRET_PARAMETER = /((?:pass(?:word|wd|phrase)?|pwd|token|secret|auth|api[_-]?key|key|sig(?:nature)?|credentials?)=)[^&#?/\s]+/giu;

/**
 * User and password, up to the last `@` of all: people type passwords with `@`, `/`, `?` or `#` in them, and then no
 * rule tells where the password ends. A path with an `@` is hidden along with it.
 */
const USERINFO = /^([a-z][a-z0-9+.-]*:\/\/)([^:]*):.*@/isu;

/**
 * The URL without its password (the user's name stays): `rtsp://u:secret@host/x` becomes `rtsp://u:***@host/x`.
 * Works on malformed URLs as well, and applying it twice changes nothing.
 */
export function redactUrl(url: string): string {
  return url.replace(USERINFO, `$1$2:${REDACTED}@`).replace(SECRET_PARAMETER, `$1${REDACTED}`);
}

/** Redacts every URL inside a longer text, e.g. a line that ffmpeg printed. */
export function redactText(text: string): string {
  return text
    .replace(/[a-z][a-z0-9+.-]*:\/\/[^\s'"<>]+/giu, (url) => redactUrl(url))
    .replace(SECRET_PARAMETER, `$1${REDACTED}`);
}

/** True when the URL carries our own placeholder where its password should be. */
export const isRedacted = (url: string): boolean => url !== '' && redactUrl(url) === url && url.includes(`:${REDACTED}@`);
