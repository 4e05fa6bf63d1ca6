/** Pages of the audit, joined to one list. */
import { createEffect, createSignal, on } from 'solid-js';
import type { AuditReply } from '../../../../src/http/schemas/audit-schema.ts';
import { request } from '../../api/request.ts';
import { signIns } from '../../api/session.ts';

export type AuditEntry = AuditReply['entries'][number];
/** `key` is unique in the list. */
export type AuditRow = AuditEntry & { readonly key: string };

const PAGE = 100;
/** More are found by a narrower filter. */
export const MOST_ENTRIES = 2_000;
/** A page may be empty without being the last: so many are asked for in a row. */
const MOST_EMPTY = 5;

/** @param query filter as query parameters; a new one begins a new list */
export function createAuditPages(query: () => string) {
  const [rows, setRows] = createSignal<readonly AuditRow[]>([]);
  const [next, setNext] = createSignal<number | null>(null);
  const [error, setError] = createSignal<unknown>(null);
  const [busy, setBusy] = createSignal(false);
  let generation = 0;

  const load = async (before: number | null): Promise<void> => {
    generation += 1;
    const own = generation;
    setBusy(true);
    let place = before;
    try {
      for (let pages = 0; pages < MOST_EMPTY; pages += 1) {
        const from = place === null ? '' : `&before=${place}`;
        // One page after the other: each begins where the last one ended.
        // oxlint-disable-next-line no-await-in-loop
        const reply = await request<AuditReply>(`/api/audit?limit=${PAGE}${from}${query()}`);
        if (own !== generation) return;
        const page = place === null ? 'new' : String(place);
        const found = reply.entries.map((entry, index) => ({ ...entry, key: `${page}-${index}` }));
        setRows((known) => (before === null && pages === 0 ? found : [...known, ...found]).slice(0, MOST_ENTRIES));
        setNext(reply.next);
        setError(null);
        place = reply.next;
        if (found.length > 0 || place === null) break;
      }
    } catch (thrown) {
      if (own === generation) setError(thrown);
    } finally {
      if (own === generation) setBusy(false);
    }
  };
  createEffect(on([query, signIns], () => void load(null)));
  return {
    rows,
    error,
    busy,
    /** Whether older entries may exist that the list has room for. */
    hasMore: () => next() !== null && rows().length < MOST_ENTRIES,
    isFull: () => rows().length >= MOST_ENTRIES,
    more: (): void => {
      if (!busy() && next() !== null && rows().length < MOST_ENTRIES) void load(next());
    },
    refresh: (): void => void load(null),
  };
}
