import { StorageError } from './storage-error.ts';

export interface JsonBounds {
  /** In UTF-16 units, near enough to bytes. */
  readonly maxLength: number;
  /** Values, names and brackets together: besides the length, they make parsing expensive. */
  readonly maxParts: number;
}

const [OPEN_LIST, OPEN_OBJECT, COMMA, COLON] = [0x5b, 0x7b, 0x2c, 0x3a];

/**
 * Parses a stored or received JSON text whose size was looked at first: 1 MB of nothing but brackets costs one pass
 * over it. Throws `TOO_LARGE` or `MALFORMED`; `what` names it in the message, which holds nothing of the text.
 */
export function parseJson(text: string, what: string, { maxLength, maxParts }: JsonBounds): unknown {
  if (text.length > maxLength)
    throw new StorageError(
      'TOO_LARGE',
      `${what} has ${text.length} characters, more than the ${maxLength} it may have`,
      { what },
    );
  let parts = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === COMMA || unit === COLON || unit === OPEN_LIST || unit === OPEN_OBJECT) parts += 1;
  }
  if (parts > maxParts)
    throw new StorageError('TOO_LARGE', `${what} has more than the ${maxParts} parts it may have`, { what });
  try {
    return JSON.parse(text);
  } catch {
    // Without its cause: the parser quotes the text, where passwords may stand.
    throw new StorageError(
      'MALFORMED',
      text.trim() === '' ? `${what} is empty` : `${what} is not JSON, or is cut off`,
      { what },
    );
  }
}
