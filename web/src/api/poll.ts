/** Data of the API that is loaded again and again while a view shows it. */
import { type Accessor, createEffect, createSignal, on, onCleanup } from 'solid-js';
import { request } from './request.ts';
import { signIns } from './session.ts';

export interface Polled<T> {
  /** Undefined until the first answer. The last answer stays while later requests fail. */
  readonly data: Accessor<T | undefined>;
  /** Of the last request; null after an answer. */
  readonly error: Accessor<unknown>;
  /** Loads now; resolves after the answer or the failure. */
  readonly refresh: () => Promise<void>;
}

/**
 * Loads `path()` now, when it changes, after each sign-in, and `everyMs` after each answer while the page is visible.
 * Ends with the component that called it.
 *
 * @param path null: nothing is loaded
 * @param everyMs 0: once
 */
export function createPoll<T>(path: () => string | null, everyMs: number): Polled<T> {
  const [data, setData] = createSignal<T>();
  const [error, setError] = createSignal<unknown>(null);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: AbortController | null = null;

  const load = async (): Promise<void> => {
    clearTimeout(timer);
    running?.abort();
    running = null;
    const wanted = path();
    if (wanted === null) return;
    const own = new AbortController();
    running = own;
    try {
      const signal = AbortSignal.any([own.signal, AbortSignal.timeout(10_000)]);
      const answer = await request<T>(wanted, { signal });
      if (own !== running) return;
      setData(() => answer);
      setError(null);
    } catch (thrown) {
      if (own !== running) return;
      setError(thrown);
    }
    running = null;
    if (everyMs > 0) timer = setTimeout(again, everyMs);
  };
  const again = (): void => {
    // A hidden page loads again once it is visible.
    if (!document.hidden) void load();
  };

  createEffect(on([path, signIns], () => void load()));
  if (everyMs > 0) document.addEventListener('visibilitychange', again);
  onCleanup(() => {
    clearTimeout(timer);
    running?.abort();
    running = null;
    document.removeEventListener('visibilitychange', again);
  });
  return { data, error, refresh: load };
}
