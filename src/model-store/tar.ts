import { gunzipSync } from 'node:zlib';
import { ModelStoreError } from './model-error.ts';

const BLOCK = 512;
/** Largest archive, unpacked, in bytes: bounds the memory that a hostile one takes. */
const MAX_UNPACKED = 512 * 1024 * 1024;

/**
 * Unpacks the named regular files of a `.tgz` (ustar as npm writes it) into memory, so that names inside it reach no
 * file. Throws `ModelStoreError` (`INTEGRITY`) when one is missing or the archive is damaged.
 */
export function takeMembers(tgz: Uint8Array, wanted: readonly string[]): Map<string, Uint8Array> {
  const archive = unzip(tgz);
  const missing = new Set(wanted);
  const found = new Map<string, Uint8Array>();
  for (let at = 0; at + BLOCK <= archive.length && missing.size > 0;) {
    const header = archive.subarray(at, at + BLOCK);
    if (header[0] === 0) break;
    const prefix = textField(header, 345, 155);
    const name = prefix === '' ? textField(header, 0, 100) : `${prefix}/${textField(header, 0, 100)}`;
    const size = Number.parseInt(textField(header, 124, 12).trim(), 8);
    const end = at + BLOCK + size;
    if (!Number.isInteger(size) || size < 0 || end > archive.length)
      throw new ModelStoreError('INTEGRITY', `the archive is damaged near "${name}"`);
    const type = textField(header, 156, 1);
    if ((type === '0' || type === '') && missing.delete(name)) found.set(name, archive.subarray(at + BLOCK, end));
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  if (missing.size > 0)
    throw new ModelStoreError('INTEGRITY', `the archive lacks ${[...missing].join(', ')}`, { missing: [...missing] });
  return found;
}

function unzip(tgz: Uint8Array): Buffer {
  try {
    return gunzipSync(tgz, { maxOutputLength: MAX_UNPACKED });
  } catch (error) {
    throw new ModelStoreError('INTEGRITY', 'the archive cannot be unpacked', {}, error);
  }
}

/** A field of a tar header, up to its first NUL. */
function textField(header: Buffer, offset: number, length: number): string {
  const field = header.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end === -1 ? length : end);
}
