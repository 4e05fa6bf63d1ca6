/** More text than this is not looked at: an answer has a few hundred characters. */
const LONGEST_TEXT = 65_536;
/** Opening brackets tried as the start of a value; bounds the work on a text full of them. */
const MOST_STARTS = 32;

/**
 * The JSON objects and arrays in a text: the whole of it, or those that stand in code fences or prose. Values inside
 * a found value are not listed again. Linear in the text, up to a fixed number of false starts.
 */
export function jsonValuesIn(text: string): unknown[] {
  const bounded = text.slice(0, LONGEST_TEXT);
  const whole = parse(bounded);
  if (whole !== undefined) return [whole];
  const found: unknown[] = [];
  let from = 0;
  for (let starts = 0; starts < MOST_STARTS; starts++) {
    const start = nextStart(bounded, from);
    if (start < 0) break;
    const end = endOfValue(bounded, start);
    const value = end < 0 ? undefined : parse(bounded.slice(start, end));
    if (value === undefined) {
      from = start + 1;
    } else {
      found.push(value);
      from = end;
    }
  }
  return found;
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function nextStart(text: string, from: number): number {
  for (let i = from; i < text.length; i++) if (text[i] === '{' || text[i] === '[') return i;
  return -1;
}

/** Position after the bracket that closes the one at `start`; -1 when it stays open. Brackets in strings do not count. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  let inString = false;
  for (let i = start; i < text.length; i++) {
    const char = text[i];
    if (inString) {
      if (char === '\\') i++;
      else if (char === '"') inString = false;
    } else if (char === '"') {
      inString = true;
    } else if (char === '{' || char === '[') {
      depth++;
    } else if (char === '}' || char === ']') {
      depth--;
      if (depth === 0) return i + 1;
    }
  }
  return -1;
}
