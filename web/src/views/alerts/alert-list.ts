/** The list of alerts: pages of the API that match the filters, and those that came in since. */
import { type Accessor, createEffect, createMemo, createSignal, on, onCleanup, untrack } from 'solid-js';
import { request } from '../../api/request.ts';
import { signIns } from '../../api/session.ts';
import { feedState, onMessage } from '../../feed/feed.ts';
import type { AlertHandling, AlertRow } from '../../feed/messages.ts';

const PAGE = 100;
/** Rows that are kept; the filters find older ones. */
export const MOST_ROWS = 2_000;
/** The first page is loaded again at most so often, and so soon after something happened. */
const AGAIN_MS = 2_000;
const SOON_MS = 250;

interface AlertPage {
  readonly alerts: readonly AlertRow[];
  readonly next: string | null;
  readonly complete: boolean;
}

export interface AlertList {
  readonly rows: Accessor<readonly AlertRow[]>;
  /** Newer than the list, not in it yet. */
  readonly fresh: Accessor<readonly AlertRow[]>;
  readonly loading: Accessor<boolean>;
  readonly error: Accessor<unknown>;
  /** False while the server still reads its alerts. */
  readonly complete: Accessor<boolean>;
  /** Whether there are more than the list keeps. */
  readonly full: Accessor<boolean>;
  readonly more: () => void;
  readonly showFresh: () => void;
  readonly reload: () => void;
}

/** Loads pages, one at a time: a later one takes the place of an earlier one. Ends with the calling component. */
function createPages(query: Accessor<string | null>) {
  const [loading, setLoading] = createSignal(false);
  const [error, setError] = createSignal<unknown>(null);
  const [complete, setComplete] = createSignal(true);
  let running: AbortController | null = null;

  /** `take` gets the page unless another one was wanted meanwhile. */
  const load = async (before: string | null, take: (page: AlertPage) => void): Promise<void> => {
    running?.abort();
    running = null;
    setLoading(false);
    const wanted = untrack(query);
    if (wanted === null) return;
    const own = new AbortController();
    running = own;
    const params = new URLSearchParams(wanted);
    params.set('limit', String(PAGE));
    if (before !== null) params.set('before', before);
    setLoading(true);
    try {
      const signal = AbortSignal.any([own.signal, AbortSignal.timeout(10_000)]);
      const page = await request<AlertPage>(`/api/alerts?${params}`, { signal });
      if (own !== running) return;
      take(page);
      setComplete(page.complete);
      setError(null);
    } catch (thrown) {
      if (own !== running) return;
      setError(thrown);
    }
    running = null;
    setLoading(false);
  };
  onCleanup(() => {
    running?.abort();
    running = null;
  });
  return { load, loading, error, complete };
}

/** Calls `refresh` soon after something happened, but not often, and not while the page is hidden or busy. */
function createSoon(refresh: () => void, isBusy: () => boolean): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let calledAt = 0;
  const soon = (): void => {
    if (timer !== undefined) return;
    timer = setTimeout(
      () => {
        timer = undefined;
        if (document.hidden || isBusy()) {
          soon();
          return;
        }
        calledAt = Date.now();
        refresh();
      },
      Math.max(SOON_MS, calledAt + AGAIN_MS - Date.now()),
    );
  };
  onCleanup(() => clearTimeout(timer));
  return soon;
}

/** @param query of the API without a page; the list starts anew when it changes. Null: nothing is loaded */
export function createAlertList(query: Accessor<string | null>): AlertList {
  const [rows, setRows] = createSignal<readonly AlertRow[]>([]);
  const [fresh, setFresh] = createSignal<readonly AlertRow[]>([]);
  const [next, setNext] = createSignal<string | null>(null);
  const ids = createMemo(() => new Set(rows().map(({ alertId }) => alertId)));
  const { load, loading, error, complete } = createPages(query);

  const reload = (): void => {
    void load(null, ({ alerts, next: after }) => {
      setRows(alerts);
      setNext(after);
      setFresh([]);
    });
  };
  const more = (): void => {
    const place = next();
    if (place === null || loading() || rows().length >= MOST_ROWS) return;
    void load(place, ({ alerts, next: after }) => {
      setRows([...rows(), ...alerts.filter(({ alertId }) => !ids().has(alertId))]);
      setNext(after);
    });
  };
  const refresh = (): void => {
    void load(null, ({ alerts }) => {
      const now = new Map(alerts.map((row) => [row.alertId, row]));
      setRows(rows().map((row) => now.get(row.alertId) ?? row));
      const newest = rows()[0]?.timestamp ?? '';
      const came = alerts.filter(({ alertId, timestamp }) => !ids().has(alertId) && timestamp >= newest);
      if (rows().length === 0) setRows(came);
      else setFresh(came);
    });
  };
  const refreshSoon = createSoon(refresh, () => loading());
  createEffect(on([query, signIns], reload));
  createEffect(
    on(
      feedState,
      (state) => {
        if (state === 'live') refreshSoon();
      },
      { defer: true },
    ),
  );
  const ends = [
    onMessage('alert', refreshSoon),
    onMessage('detection_result', ({ requestId, revision }) => {
      if (revision > 0 && ids().has(requestId)) refreshSoon();
    }),
    onMessage('shelves', refreshSoon),
    onMessage('alert_handling', (handling) => {
      setRows(withHandling(handling));
      setFresh(withHandling(handling));
    }),
  ];
  onCleanup(() => {
    for (const end of ends) end();
  });
  return {
    rows,
    fresh,
    loading,
    error,
    complete,
    full: () => rows().length >= MOST_ROWS && next() !== null,
    more,
    showFresh: () => {
      setRows([...fresh().filter(({ alertId }) => !ids().has(alertId)), ...rows()].slice(0, MOST_ROWS));
      setFresh([]);
    },
    reload,
  };
}

/** The rows with a later handling of one of them. */
const withHandling =
  (handling: AlertHandling) =>
  (rows: readonly AlertRow[]): readonly AlertRow[] => {
    const isOlder = (row: AlertRow): boolean =>
      row.alertId === handling.alertId && row.handling.revision < handling.revision;
    return rows.some(isOlder) ? rows.map((row) => (isOlder(row) ? { ...row, handling } : row)) : rows;
  };
