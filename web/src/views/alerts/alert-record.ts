/** One alert with its evidence, kept up to date while it is shown. */
import { type Accessor, createEffect, createSignal, on, onCleanup } from 'solid-js';
import type { AlertRecord } from '../../../../src/http/schemas/alert-record-schema.ts';
import { createPoll } from '../../api/poll.ts';
import { request } from '../../api/request.ts';
import { onMessage } from '../../feed/feed.ts';
import type { AlertHandling } from '../../feed/messages.ts';

/** The server still makes the clip: asked again so often. */
const AWAITED_MS = 3_000;
/** A new revision is read once it is stored. */
const REVISED_MS = 2_000;

export type Verdict = 'true' | 'false' | 'unclear';

export interface OpenAlert {
  /** Undefined until it is loaded. */
  readonly record: Accessor<AlertRecord | undefined>;
  readonly handling: Accessor<AlertHandling | undefined>;
  readonly error: Accessor<unknown>;
  readonly refresh: () => Promise<void>;
  /** Acknowledges it, or takes that back. Rejects with an `ApiError`, as `judge` does. */
  readonly acknowledge: (wanted: boolean) => Promise<void>;
  /** @param comment undefined: it stays as it is */
  readonly judge: (value: Verdict | null, comment?: string) => Promise<void>;
}

export function createAlertRecord(alertId: Accessor<string>): OpenAlert {
  const path = (): string => `/api/alerts/${encodeURIComponent(alertId())}`;
  const poll = createPoll<AlertRecord>(path, 0);
  const [changed, setChanged] = createSignal<AlertHandling | null>(null);
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** Of this alert only: the answer may be that of the one before. */
  const record = (): AlertRecord | undefined => {
    const data = poll.data();
    return data !== undefined && isOf(data, alertId()) ? data : undefined;
  };
  const handling = (): AlertHandling | undefined => {
    const [known, later] = [record()?.handling, changed()];
    if (known === undefined || later === null || later.alertId !== known.alertId) return known;
    return later.revision > known.revision ? later : known;
  };
  const again = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void poll.refresh(), ms);
  };
  createEffect(
    on(poll.data, (data) => {
      if (data?.clip.state === 'awaited') again(AWAITED_MS);
    }),
  );
  const ends = [
    onMessage('alert_handling', (later) => {
      if (later.alertId === record()?.alert.requestId) setChanged(later);
    }),
    onMessage('detection_result', ({ requestId, revision }) => {
      const known = record()?.alert;
      if (known !== undefined && requestId === known.requestId && revision > known.revision) again(REVISED_MS);
    }),
  ];
  onCleanup(() => {
    clearTimeout(timer);
    for (const end of ends) end();
  });
  return {
    record,
    handling,
    error: poll.error,
    refresh: poll.refresh,
    acknowledge: async (wanted) => {
      setChanged(await request<AlertHandling>(`${path()}/acknowledge`, { method: wanted ? 'POST' : 'DELETE' }));
    },
    judge: async (value, comment) => {
      const body = { value, revision: handling()?.revision ?? 0, ...(comment === undefined ? {} : { comment }) };
      setChanged(await request<AlertHandling>(`${path()}/verdict`, { method: 'PUT', body }));
    },
  };
}

const isOf = ({ alert }: AlertRecord, name: string): boolean =>
  alert.requestId === name || alert.incidents.some(({ incidentId }) => incidentId === name);
