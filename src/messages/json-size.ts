/** How much a JSON text holds. */
export interface JsonSize {
  /** Objects, lists and their entries: opening brackets and commas. */
  readonly values: number;
  /** Names of fields: colons. */
  readonly names: number;
  /** Deepest nesting of objects and lists. */
  readonly depth: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const OPEN_OBJECT = 0x7b;
const CLOSE_LIST = 0x5d;
const CLOSE_OBJECT = 0x7d;

/**
 * Measures JSON in UTF-8 before it is parsed: parsing many small objects costs many times their bytes. One pass; text
 * that is not JSON gets some size too. Brackets and separators inside strings do not count.
 */
export function jsonSize(bytes: Uint8Array): JsonSize {
  let values = 0;
  let names = 0;
  let open = 0;
  let depth = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    switch (bytes[index] ?? 0) {
      case QUOTE:
        index = stringEnd(bytes, index + 1);
        break;
      case COMMA:
        values += 1;
        break;
      case COLON:
        names += 1;
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        values += 1;
        open += 1;
        if (open > depth) depth = open;
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        open -= 1;
        break;
      default:
    }
  }
  return { values, names, depth };
}

/** Index of the quote that ends a string, or the length of `bytes`. */
function stringEnd(bytes: Uint8Array, from: number): number {
  for (let index = from; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (byte === BACKSLASH) index += 1;
    else if (byte === QUOTE) return index;
  }
  return bytes.length;
}
