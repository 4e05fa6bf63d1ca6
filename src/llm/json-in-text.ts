import { readValue, startsValue, type Json, type JsonObject } from './tolerant-json.ts';

/** Most characters read twice, which bounds the work on a text full of brackets. */
const FALSE_STARTS = 40_000;

export interface FoundValue {
  readonly from: number;
  /** The position behind the closing bracket. */
  readonly to: number;
  /** A string in it may have swallowed the text after it; values inside are listed as well. */
  readonly doubtful: boolean;
  readonly value: Json;
}

export interface ValuesInText {
  readonly found: readonly FoundValue[];
  /** The first value that the text breaks off in; null when there is none. */
  readonly open: { readonly from: number; readonly settled: JsonObject | null } | null;
  /** Too many false starts: the rest was not read. */
  readonly gaveUp: boolean;
}

/**
 * Finds the JSON objects and arrays in a text: the whole of it, or those in code fences or prose. Values inside a found
 * value are not listed again, but those inside an open or doubtful one are. Linear in the text.
 */
export function valuesIn(text: string): ValuesInText {
  const found: FoundValue[] = [];
  let open: ValuesInText['open'] = null;
  let left = text.length + FALSE_STARTS;
  for (let at = nextStart(text, 0); at >= 0;) {
    if (left <= 0) return { found, open, gaveUp: true };
    const read = readValue(text, at);
    left -= read.looked;
    let next = at + 1;
    if (read.kind === 'value') {
      found.push({ from: at, to: read.end, doubtful: read.doubtful, value: read.value });
      if (!read.doubtful) next = read.end;
    } else if (read.kind === 'open' && looksLikeJson(text, at)) {
      open ??= { from: at, settled: read.settled };
    }
    at = nextStart(text, next);
  }
  return { found, open, gaveUp: false };
}

const BEGINS_LIKE_JSON = /[[{｛［]\s{0,200}(?:$|\\?["'“＂]|[{[｛［]|[\p{L}_]{1,40}\s{0,9}[:：])/uy;

/** Distinguishes cut JSON from a bracket in prose. */
function looksLikeJson(text: string, at: number): boolean {
  BEGINS_LIKE_JSON.lastIndex = at;
  return BEGINS_LIKE_JSON.test(text);
}

function nextStart(text: string, from: number): number {
  for (let i = from; i < text.length; i++) if (startsValue(text[i])) return i;
  return -1;
}
