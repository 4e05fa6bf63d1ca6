import { jsonSize } from '../messages/json-size.ts';
import { StorageError } from './storage-error.ts';

export interface JsonBounds {
  /** In UTF-16 units, near enough to bytes. */
  readonly maxLength: number;
  /** Values, names and brackets together: besides the length, they make parsing expensive. */
  readonly maxParts: number;
}

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
  const { values, names } = jsonSize(Buffer.from(text));
  if (values + names > maxParts)
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
