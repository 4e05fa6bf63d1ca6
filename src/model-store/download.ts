import { ModelStoreError } from './model-error.ts';

/** Called with the bytes received so far, and the total if the server says it. */
export type OnBytes = (received: number, total: number | null) => void;

/** Largest download, in bytes. */
const MAX_BYTES = 1024 * 1024 * 1024;
/** A download without data for longer than this fails. */
export const STALL_MS = 30_000;

/** Aborts its signal after a time without data. */
export class StallWatch {
  readonly #stalled = new AbortController();
  readonly #stallMs: number;
  #timer: NodeJS.Timeout;

  constructor(stallMs: number) {
    this.#stallMs = stallMs;
    this.#timer = this.#start();
  }

  get signal(): AbortSignal {
    return this.#stalled.signal;
  }

  /** Data came. */
  touch(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #start(): NodeJS.Timeout {
    const abort = (): void => this.#stalled.abort(new Error(`no data for ${this.#stallMs / 1_000} s`));
    return setTimeout(abort, this.#stallMs);
  }
}

/** The body at `url`, which may carry a user and password. Rejects with `ModelStoreError` (`DOWNLOAD_FAILED`). */
export async function fetchBytes(url: string, onBytes?: OnBytes): Promise<Uint8Array> {
  const watch = new StallWatch(STALL_MS);
  try {
    const { address, headers } = separateCredentials(url);
    const response = await fetch(address, { signal: watch.signal, headers });
    if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
    const length = Number(response.headers.get('content-length'));
    const total = length > 0 ? length : null;
    const chunks: Uint8Array[] = [];
    let received = 0;
    for await (const chunk of response.body) {
      watch.touch();
      received += chunk.length;
      if (received > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`);
      chunks.push(chunk);
      onBytes?.(received, total);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    const cause =
      error instanceof Error && error.cause instanceof Error
        ? `${error.message}: ${error.cause.message}`
        : String(error);
    throw new ModelStoreError('DOWNLOAD_FAILED', cause, {}, error);
  } finally {
    watch.stop();
  }
}

/** `fetch` refuses credentials in a URL, and quotes them in its error. */
function separateCredentials(url: string): { address: URL; headers: Record<string, string> } {
  const address = new URL(url);
  const { username, password } = address;
  if (username === '' && password === '') return { address, headers: {} };
  address.username = '';
  address.password = '';
  const token = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  return { address, headers: { authorization: `Basic ${token}` } };
}
