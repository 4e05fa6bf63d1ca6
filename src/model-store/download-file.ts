import { setTimeout as delay } from 'node:timers/promises';
import { StorageError } from '../storage/storage-error.ts';
import { type OnBytes, STALL_MS, StallWatch } from './download.ts';
import { ModelStoreError } from './model-error.ts';
import { PartFile } from './part-file.ts';

/** A file whose content is known beforehand. */
export interface WantedFile {
  readonly url: string;
  readonly bytes: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** Where it is kept. */
  readonly path: string;
}

export interface DownloadLimits {
  /** Time without data after which an attempt fails, in ms. */
  readonly stallMs: number;
  /** Attempts in all; each goes on where the one before was cut off. */
  readonly attempts: number;
  /** Pause before the next attempt, in ms; longer each time. */
  readonly pauseMs: number;
}

const LIMITS: DownloadLimits = { stallMs: STALL_MS, attempts: 4, pauseMs: 1_000 };

/** The attempt failed for a reason that may pass. */
class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * Fetches a file to its path, all or nothing: what was received so far is kept beside it, and a later call goes on
 * there (RFC 9110 14: Range, If-Range). Redirects are followed; proxies are those of the environment, see
 * `NODE_USE_ENV_PROXY`. Rejects `DOWNLOAD_FAILED`, `INTEGRITY` (then nothing is kept), or `NOT_KEPT`.
 */
export async function downloadFile(
  wanted: WantedFile,
  onBytes: OnBytes,
  limits: DownloadLimits = LIMITS,
): Promise<void> {
  try {
    const part = await PartFile.claim(wanted.path);
    try {
      await fill(part, wanted, onBytes, limits);
      await part.keep();
    } finally {
      await part.release();
    }
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    throw new ModelStoreError('NOT_KEPT', error.message, error.fields, error);
  }
}

/** Fetches until the part is whole and genuine. One that was begun by an earlier call may be of another file. */
async function fill(part: PartFile, wanted: WantedFile, onBytes: OnBytes, limits: DownloadLimits): Promise<void> {
  const wasBegun = part.size > 0;
  await fetchAll(part, wanted, onBytes, limits);
  let found = await part.digest();
  if (found !== wanted.sha256 && wasBegun) {
    await part.clear();
    await fetchAll(part, wanted, onBytes, limits);
    found = await part.digest();
  }
  if (found === wanted.sha256) return;
  await part.clear();
  throw new ModelStoreError(
    'INTEGRITY',
    `the file at ${wanted.url} is not the one the manifest names: expected sha256 ${wanted.sha256}, found ${found}`,
    { expected: wanted.sha256, found },
  );
}

async function fetchAll(part: PartFile, wanted: WantedFile, onBytes: OnBytes, limits: DownloadLimits): Promise<void> {
  const validator: Validator = { value: null };
  for (let attempt = 1; part.size !== wanted.bytes; attempt++) {
    try {
      await fetchRest({ part, wanted, onBytes, stallMs: limits.stallMs, validator });
    } catch (error) {
      if (error instanceof ModelStoreError || error instanceof StorageError) throw error;
      if (!(error instanceof Interrupted) || attempt === limits.attempts)
        throw new ModelStoreError('DOWNLOAD_FAILED', error instanceof Error ? error.message : String(error), {}, error);
      await delay(limits.pauseMs * attempt);
    }
  }
}

/** Names the version of the file that the part is of, for `If-Range`; null while unknown. */
interface Validator {
  value: string | null;
}

interface Fetching {
  readonly part: PartFile;
  readonly wanted: WantedFile;
  readonly onBytes: OnBytes;
  readonly stallMs: number;
  readonly validator: Validator;
}

async function fetchRest({ part, wanted, onBytes, stallMs, validator }: Fetching): Promise<void> {
  if (part.size > wanted.bytes) await part.clear();
  const watch = new StallWatch(stallMs);
  try {
    const from = part.size;
    // A compressed answer would count other bytes.
    const headers: Record<string, string> = { 'accept-encoding': 'identity' };
    if (from > 0) headers['range'] = `bytes=${from}-`;
    if (from > 0 && validator.value !== null) headers['if-range'] = validator.value;
    const response = await networked(() => fetch(wanted.url, { signal: watch.signal, headers }));
    await useAnswer(response, part, wanted);
    validator.value = validatorOf(response.headers);
    const chunks = response.body?.[Symbol.asyncIterator]();
    for (;;) {
      const next = await networked(async () => chunks?.next());
      if (next === undefined || next.done === true) break;
      watch.touch();
      if (part.size + next.value.length > wanted.bytes) throw await otherSize(part, wanted, 'more');
      await part.append(next.value);
      onBytes(part.size, wanted.bytes);
    }
  } finally {
    watch.stop();
  }
  if (part.size < wanted.bytes) throw new Interrupted(`cut off after ${part.size} of ${wanted.bytes} bytes`);
}

/** Empties the part unless the answer goes on where it ends. Throws when the answer is none of this file. */
async function useAnswer(response: Response, part: PartFile, wanted: WantedFile): Promise<void> {
  const { status, headers } = response;
  if (status === 206) {
    const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/u.exec(headers.get('content-range') ?? '') ?? [];
    if (Number(first) === part.size && (total === '*' || Number(total) === wanted.bytes)) return;
    await part.clear();
    throw new Interrupted('the server sent another part than was asked for');
  }
  if (status === 200) {
    // No ranges here, or another version: from the beginning.
    if (part.size > 0) await part.clear();
    const length = headers.get('content-length');
    if (length !== null && Number(length) !== wanted.bytes) throw await otherSize(part, wanted, length);
    return;
  }
  await response.body?.cancel().catch(() => undefined);
  if (status === 416) {
    await part.clear();
    throw new Interrupted('the server has no such part');
  }
  if (status === 408 || status === 429 || status >= 500) throw new Interrupted(`HTTP ${status}`);
  throw new Error(`HTTP ${status}`);
}

async function otherSize(part: PartFile, wanted: WantedFile, found: string): Promise<ModelStoreError> {
  await part.clear();
  return new ModelStoreError(
    'INTEGRITY',
    `the file at ${wanted.url} is not the one the manifest names: expected ${wanted.bytes} bytes, found ${found}`,
    { expected: wanted.bytes, found },
  );
}

/** A strong ETag, else the date; weak ones may not be used for parts. */
function validatorOf(headers: Headers): string | null {
  const etag = headers.get('etag');
  return etag !== null && !etag.startsWith('W/') ? etag : headers.get('last-modified');
}

/** Errors of the connection as {@link Interrupted}, with their cause in the message. */
async function networked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error)) throw new Interrupted(String(error));
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
    throw new Interrupted(`${error.message}${cause}`, { cause: error });
  }
}
