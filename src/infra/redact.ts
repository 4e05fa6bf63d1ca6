/**
 * Keeps passwords out of logs, replies, metric labels and messages. Where a text is ambiguous these functions hide
 * too much rather than too little. Each takes time linear in its text and reads no more than {@link MAX_LOOKED_AT}
 * characters of it, because strangers choose the text.
 */
export const REDACTED = '***';

/** Characters read of a text. The rest of a longer one is replaced by `…`. */
export const MAX_LOOKED_AT = 8_192;
/** Characters of a value shown in an error. */
const MAX_SHOWN = 200;
const LEFT_OUT = '…';

/**
 * Parameters whose values are secrets, in query strings or in the paths that some recorders use. It is tried at each
 * character, and each try ends within the longest name.
 */
const SECRET_PARAMETER =
  /((?:pass(?:word|wd|phrase)?|pwd|token|secret|auth|api[_-]?key|key|sig(?:nature)?|credentials?)(?:=|%3d))[^&#\s]+/giu;

/**
 * User and password, up to the last `@` of all: people type passwords with `@`, `/`, `?` or `#` in them, and then no
 * rule tells where the password ends. A path with an `@` is hidden along with it. Anchored: tried once.
 */
const USERINFO = /^([a-z][a-z0-9+.-]*:\/\/)([^:]*):.*@/isu;

/** The same for a URL whose end was cut off, perhaps with the `@` that marks its password. */
const CUT_USERINFO = /^([a-z][a-z0-9+.-]*:\/\/)[^:]*:.*/isu;

/** A URL encoded inside another: no rule tells which part of it is secret. */
const ENCODED_URL = /(%3a%2f%2f)[^\s'"<>]+/giu;

const AFTER_SCHEME = '://';
const SCHEME_CHARACTER = /[a-z0-9+.-]/iu;
const URL_END = /[\s'"<>]/gu;

/**
 * The URL without its password (the user's name stays): `rtsp://u:secret@host/x` becomes `rtsp://u:***@host/x`.
 * Works on malformed URLs as well, and applying it twice changes nothing.
 */
export function redactUrl(url: string): string {
  return url.length > MAX_LOOKED_AT ? `${redactCutUrl(url.slice(0, MAX_LOOKED_AT))}${LEFT_OUT}` : redactWholeUrl(url);
}

/** Redacts every URL inside a longer text, e.g. a line that ffmpeg printed. */
export function redactText(text: string): string {
  return text.length > MAX_LOOKED_AT
    ? `${redactUrls(text.slice(0, MAX_LOOKED_AT), true)}${LEFT_OUT}`
    : redactUrls(text);
}

/**
 * A value fit for an error, a log or a reply: redacted, then cut to `most` characters, with its length when it was cut.
 * Always use it to show a text that a stranger sent.
 */
export function redactShort(text: string, most = MAX_SHOWN): string {
  // Reads more than it shows, because redaction may shorten the text.
  const looked = text.slice(0, most * 4);
  const cut = looked.length < text.length;
  const redacted = cut ? redactUrls(redactCutUrl(looked), true) : redactUrls(redactWholeUrl(looked));
  if (!cut && redacted.length <= most) return redacted.toWellFormed();
  return `${redacted.slice(0, most).toWellFormed()}${LEFT_OUT} (${text.length} characters)`;
}

/** True when the URL carries our own placeholder where its password should be. */
export const isRedacted = (url: string): boolean =>
  url !== '' && redactUrl(url) === url && url.includes(`:${REDACTED}@`);

const redactWholeUrl = (url: string): string => redactParameters(url.replace(USERINFO, `$1$2:${REDACTED}@`));
const redactCutUrl = (url: string): string => redactParameters(url.replace(CUT_USERINFO, `$1${REDACTED}`));

const redactParameters = (text: string): string =>
  text.replace(ENCODED_URL, `$1${REDACTED}`).replace(SECRET_PARAMETER, `$1${REDACTED}`);

/**
 * One walk through the text, from one scheme to the next: no character is looked at more than twice.
 *
 * @param cut the end of the text was cut off
 */
function redactUrls(text: string, cut = false): string {
  let shown = '';
  let done = 0;
  for (let mark = text.indexOf(AFTER_SCHEME); mark !== -1; mark = text.indexOf(AFTER_SCHEME, done)) {
    const from = schemeStart(text, done, mark);
    URL_END.lastIndex = mark + AFTER_SCHEME.length;
    const end = URL_END.exec(text)?.index ?? text.length;
    const url = text.slice(from, end);
    shown += text.slice(done, from) + (cut && end === text.length ? redactCutUrl(url) : redactWholeUrl(url));
    done = end;
  }
  return redactParameters(shown + text.slice(done));
}

/** Where the scheme before `mark` begins, not before `from`; `mark` when there is none. */
function schemeStart(text: string, from: number, mark: number): number {
  let start = mark;
  while (start > from && SCHEME_CHARACTER.test(text[start - 1] ?? '')) start -= 1;
  while (start < mark && !/[a-z]/iu.test(text[start] ?? '')) start += 1;
  return start;
}
