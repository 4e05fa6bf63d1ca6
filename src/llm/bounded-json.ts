/** No real answer or error nests deeper. The platform's parser takes a second for a megabyte of brackets. */
const DEEPEST = 64;

const QUOTE = 34;
const BACKSLASH = 92;

/** Whether brackets outside of strings nest deeper than 64 levels. Linear. */
export function nestsTooDeep(text: string): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (quoted) {
      if (code === BACKSLASH) at++;
      else if (code === QUOTE) quoted = false;
    } else if (code === QUOTE) quoted = true;
    else if (code === 91 || code === 123) {
      if (++depth > DEEPEST) return true;
    } else if (code === 93 || code === 125) depth--;
  }
  return false;
}

/** As `JSON.parse`; undefined for text that is no JSON or nests too deep. */
export function parseBounded(text: string): unknown {
  if (nestsTooDeep(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
