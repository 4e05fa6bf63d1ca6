/** An object as written: every entry in order, repeated keys included. */
export class JsonObject {
  readonly entries: readonly (readonly [key: string, value: Json])[];

  constructor(entries: readonly (readonly [string, Json])[]) {
    this.entries = entries;
  }
}
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/**
 * The result of reading at a bracket. `looked`: characters read.
 * - `value`: a value with its closing bracket; `end` is the position behind it. `doubtful`: some quotes were read as
 *   part of their string, which may therefore have swallowed the text after it.
 * - `open`: the text broke off within the value. `settled`: its entries when only the last `}` of an object is missing.
 * - `broken`: no value by any reading known here, or nested too deep.
 */
export type ReadValue =
  | {
      readonly kind: 'value';
      readonly value: Json;
      readonly end: number;
      readonly doubtful: boolean;
      readonly looked: number;
    }
  | { readonly kind: 'open'; readonly settled: JsonObject | null; readonly looked: number }
  | { readonly kind: 'broken'; readonly looked: number };

/** An answer nests three levels deep. */
const MAX_DEPTH = 64;
const MAX_KEY = 64;
/** Characters of a value without quotes: a word or a number. */
const MAX_BARE = 200;

/**
 * Reads the object or array at `start` as models write JSON. Valid JSON is read as such. Errors with a single reading
 * are repaired: other quotes, full-width punctuation, trailing and missing commas, comments, keys and words without
 * quotes, Python's literals, line breaks and lone quotes in strings. A missing end is never added, which rules out the
 * repair libraries: they complete a cut text. Linear in the text. Never throws.
 */
export function readValue(text: string, start: number): ReadValue {
  const reader = new Reader(text, start);
  const value = reader.value(0, 'item');
  const looked = reader.at - start + 1;
  if (value !== FAILED) return { kind: 'value', value, end: reader.at, doubtful: reader.doubtful, looked };
  return reader.ranOut ? { kind: 'open', settled: reader.settled, looked } : { kind: 'broken', looked };
}

export const startsValue = (char: string | undefined): boolean =>
  char === '{' || char === '[' || char === '｛' || char === '［';

const CLOSING = '}]｝］';
const isComma = (char: string | undefined): boolean => char === ',' || char === '，';
const isColon = (char: string | undefined): boolean => char === ':' || char === '：';

const FAILED = Symbol('failed');
type Failed = typeof FAILED;
/** The place of a string, which decides what may follow its closing quote. */
type Place = 'key' | 'entry' | 'item';

/** Closing quotes by the opening one. Models mix smart quotes. */
const CLOSERS: Readonly<Record<string, string>> = {
  '"': '"',
  '＂': '＂"',
  "'": "'",
  '`': '`',
  '“': '”“"',
  '”': '”“"',
  '‘': "’‘'",
  '’': "’‘'",
  '「': '」',
  '『': '』',
};
/** The run of a string up to the next backslash or possible closing quote, by the opening quote. */
const PLAIN = new Map(
  Object.entries(CLOSERS).map(([opener, closers]) => [opener, new RegExp(`[^${closers}\\\\]*`, 'y')]),
);
const ESCAPED_PLAIN = /[^\\]*/y;
// Includes line breaks that were escaped once too often.
const SPACE = /(?:[\s\uFEFF\u200B-\u200F\u2060]|\\[nrt])*/y;
const NEXT_ENTRY = /["“][\p{L}_]{1,40}["”]\s{0,9}[:：]/uy;
const IDENTIFIER = /[\p{L}_$][\p{L}\p{N}_$-]{0,63}/uy;
const BARE = /[^,，}｝\]］\n\r{[｛［"“”：<>]{0,200}/y;
const NUMBER = /^[+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:e[+-]?\d{1,4})?$/i;
const LITERALS: ReadonlyMap<string, Json> = new Map<string, Json>([
  ['true', true],
  ['True', true],
  ['TRUE', true],
  ['false', false],
  ['False', false],
  ['FALSE', false],
  ['null', null],
  ['None', null],
  ['undefined', null],
  ['NaN', null],
]);
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' };

class Reader {
  at: number;
  ranOut = false;
  doubtful = false;
  settled: JsonObject | null = null;
  readonly #text: string;

  constructor(text: string, start: number) {
    this.#text = text;
    this.at = start;
  }

  value(depth: number, place: Place): Json | Failed {
    this.#space();
    const char = this.#text[this.at];
    if (char === undefined) return this.#open();
    if (startsValue(char)) {
      if (depth >= MAX_DEPTH) return FAILED;
      this.at++;
      return char === '{' || char === '｛' ? this.#object(depth) : this.#array(depth);
    }
    return this.#quoteAt(this.at) === '' ? this.#bare() : this.#string(place);
  }

  #object(depth: number): JsonObject | Failed {
    const entries: [string, Json][] = [];
    for (;;) {
      this.#commas();
      const char = this.#text[this.at];
      if (char === undefined) {
        // Only for the outermost object: an inner one may miss more than its bracket.
        if (depth === 0 && entries.length > 0) this.settled = new JsonObject(entries);
        return this.#open();
      }
      if (char === '}' || char === '｝') {
        this.at++;
        return new JsonObject(entries);
      }
      const key = this.#key();
      if (key === FAILED) return FAILED;
      this.#space();
      const colon = this.#text[this.at];
      if (colon === undefined) return this.#open();
      if (!isColon(colon)) return FAILED;
      this.at++;
      const value = this.value(depth + 1, 'entry');
      if (value === FAILED) return FAILED;
      entries.push([key, value]);
      if (!this.#separated('entry')) return FAILED;
    }
  }

  #array(depth: number): Json[] | Failed {
    const items: Json[] = [];
    for (;;) {
      this.#commas();
      const char = this.#text[this.at];
      if (char === undefined) return this.#open();
      if (char === ']' || char === '］') {
        this.at++;
        return items;
      }
      const value = this.value(depth + 1, 'item');
      if (value === FAILED) return FAILED;
      items.push(value);
      if (!this.#separated('item')) return FAILED;
    }
  }

  /** Whether another entry, or the end, may follow here. A line break counts as a comma. */
  #separated(place: Place): boolean {
    const before = this.at;
    this.#space();
    const char = this.#text[this.at];
    if (char === undefined || isComma(char)) return true;
    if (place === 'entry' ? char === '}' || char === '｝' : char === ']' || char === '］') return true;
    return this.#text.slice(before, this.at).includes('\n') || (place === 'entry' && this.#entryAt(this.at));
  }

  /** Whether an entry of an object clearly begins here, so that only a comma is missing before it. */
  #entryAt(at: number): boolean {
    NEXT_ENTRY.lastIndex = at;
    return NEXT_ENTRY.test(this.#text);
  }

  #key(): string | Failed {
    if (this.#quoteAt(this.at) !== '') {
      const key = this.#string('key');
      return key === FAILED || key.length > MAX_KEY || /["{}[\],:]/.test(key) ? FAILED : key;
    }
    IDENTIFIER.lastIndex = this.at;
    const name = IDENTIFIER.exec(this.#text)?.[0];
    if (name === undefined) return FAILED;
    this.at += name.length;
    return name;
  }

  #string(place: Place): string | Failed {
    const text = this.#text;
    const opener = this.#quoteAt(this.at);
    const escaped = opener === '\\"';
    const closers = escaped ? '' : (CLOSERS[opener] ?? opener);
    const plain = escaped ? ESCAPED_PLAIN : (PLAIN.get(opener) ?? ESCAPED_PLAIN);
    let pieces = '';
    let from = this.at + opener.length;
    for (let i = from; ; i++) {
      plain.lastIndex = i;
      plain.exec(text);
      i = plain.lastIndex;
      if (i >= text.length) break;
      const char = text[i] ?? '';
      if (closers.includes(char)) {
        if (this.#ends(i + 1, place)) return this.#stringTo(i + 1, pieces + text.slice(from, i));
        this.doubtful = true;
        continue;
      }
      if (escaped && text[i + 1] === '"' && this.#ends(i + 2, place))
        return this.#stringTo(i + 2, pieces + text.slice(from, i));
      const [meant, length] = escapeAt(text, i);
      pieces += text.slice(from, i) + meant;
      i += length - 1;
      from = i + 1;
    }
    this.at = text.length;
    return this.#open();
  }

  #stringTo(end: number, value: string): string {
    this.at = end;
    return value;
  }

  /** Whether a string of this place may end before `i`, by what follows; if not, the quote belongs to the string. */
  #ends(i: number, place: Place): boolean {
    const text = this.#text;
    const next = skipSpace(text, i);
    const char = text[next];
    if (char === undefined) return true;
    if (place === 'key') return isColon(char);
    if (isComma(char)) return this.#continues(skipSpace(text, next + 1), place);
    if (CLOSING.includes(char) || (char === '/' && '/*'.includes(text[next + 1] ?? ' '))) return true;
    // The comma is missing.
    return this.#quoteAt(next) !== '' && (text.slice(i, next).includes('\n') || this.#entryAt(next));
  }

  /** Whether an entry or item, the end, or a comment may begin here, behind a comma. */
  #continues(at: number, place: Place): boolean {
    const text = this.#text;
    const char = text[at];
    if (char === undefined || CLOSING.includes(char) || '/#'.includes(char) || this.#quoteAt(at) !== '') return true;
    if (place === 'item') return /[[{\dtfnTFN｛［-]/.test(char);
    IDENTIFIER.lastIndex = at;
    const name = IDENTIFIER.exec(text)?.[0] ?? '';
    return name !== '' && isColon(text[skipSpace(text, at + name.length)]);
  }

  #bare(): Json | Failed {
    BARE.lastIndex = this.at;
    const run = BARE.exec(this.#text)?.[0] ?? '';
    const word = (run.split(/\s(?:\/\/|#)/, 1)[0] ?? '').trim();
    // A word at the end of the text may be cut; a number or literal states no level.
    const end = this.at + run.length;
    const next = this.#text[end];
    if (word === '' || run.length >= MAX_BARE || word.includes(':')) return FAILED;
    if (next !== undefined && !',，}｝]］\n\r'.includes(next)) return FAILED;
    this.at = end;
    const literal = LITERALS.get(word);
    if (literal !== undefined) return literal;
    if (NUMBER.test(word)) return Number(word);
    return next === undefined ? this.#open() : word;
  }

  #quoteAt(i: number): string {
    const char = this.#text[i];
    if (char === undefined) return '';
    if (char === '\\') return this.#text[i + 1] === '"' ? '\\"' : '';
    return Object.hasOwn(CLOSERS, char) ? char : '';
  }

  #open(): Failed {
    this.ranOut = true;
    return FAILED;
  }

  #commas(): void {
    this.#space();
    while (isComma(this.#text[this.at])) {
      this.at++;
      this.#space();
    }
  }

  /** Skips space and comments. */
  #space(): void {
    const text = this.#text;
    for (;;) {
      this.at = skipSpace(text, this.at);
      if (text[this.at] !== '/' && text[this.at] !== '#') return;
      const two = text.slice(this.at, this.at + 2);
      let end: number;
      if (two === '//' || two[0] === '#') end = text.indexOf('\n', this.at);
      else if (two === '/*') end = text.indexOf('*/', this.at + 2);
      else return;
      this.at = end < 0 ? text.length : end + (two === '/*' ? 2 : 1);
    }
  }
}

function skipSpace(text: string, at: number): number {
  const code = text.charCodeAt(at);
  // The fast path: mostly there is no space.
  if (code > 0x20 && code < 0x7f && code !== 0x5c) return at;
  SPACE.lastIndex = at;
  SPACE.exec(text);
  return SPACE.lastIndex;
}

/** Meaning and length of the escape at `i`. An unknown escape means the character behind the backslash. */
function escapeAt(text: string, i: number): readonly [meant: string, length: number] {
  const char = text[i + 1] ?? '';
  if (char !== 'u') return [ESCAPES[char] ?? char, 1 + char.length];
  const digits = text.slice(i + 2, i + 6);
  return /^[\da-f]{4}$/i.test(digits) ? [String.fromCharCode(Number.parseInt(digits, 16)), 6] : [char, 2];
}
