/** The shelves that hold now. */
import { createEffect, createMemo, createSignal, on, onCleanup, Show } from 'solid-js';
import { createPoll } from '../../api/poll.ts';
import { reasonOf, request } from '../../api/request.ts';
import { may, principal } from '../../api/session.ts';
import { nameOf } from '../../feed/cameras.ts';
import { now, onMessage } from '../../feed/feed.ts';
import type { Shelf } from '../../feed/messages.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { toast, toastFailure } from '../../parts/toast.tsx';
import { nameOfKind } from '../../picture/incidents.ts';
import { age, dayTime } from '../../picture/words.ts';

const cameraOf = ({ cameraId }: Shelf): string => (cameraId === null ? t('alerts.shelf.anyCamera') : nameOf(cameraId));
const kindOf = ({ kind }: Shelf): string => (kind === null ? t('alerts.shelf.anyKind') : nameOfKind(kind));

export function ShelvesTab(props: { compact: boolean }) {
  const loaded = createPoll<{ shelves: readonly Shelf[] }>(() => '/api/shelves', 0);
  const [shelves, setShelves] = createSignal<readonly Shelf[]>([]);
  createEffect(on(loaded.data, (data) => data !== undefined && setShelves(data.shelves)));
  onCleanup(onMessage('shelves', (data) => setShelves(data.shelves)));
  const holding = createMemo(() => shelves().filter(({ until }) => Date.parse(until) > now()), undefined, {
    equals: (a, b) => a.length === b.length && a.every((shelf, index) => shelf === b[index]),
  });
  const end = async (shelf: Shelf): Promise<void> => {
    try {
      await request(`/api/shelves/${encodeURIComponent(shelf.shelfId)}`, { method: 'DELETE' });
      setShelves(shelves().filter(({ shelfId }) => shelfId !== shelf.shelfId));
      toast({ type: 'success', text: t('alerts.shelf.ended') });
    } catch (thrown) {
      toastFailure(thrown);
    }
  };
  // A shelf of every camera is for those to end who see every camera.
  const mayEnd = ({ cameraId }: Shelf): boolean =>
    may('operator') && (cameraId !== null || principal()?.groups === null);
  const columns = (): Column<Shelf>[] => {
    const all: Column<Shelf>[] = [
      { id: 'camera', header: t('alerts.shelf.camera'), cell: cameraOf, sortBy: cameraOf, weight: 2 },
      { id: 'kind', header: t('alerts.shelf.kind'), cell: kindOf, sortBy: kindOf, weight: 2 },
      {
        id: 'left',
        header: t('alerts.shelf.left'),
        cell: ({ until }) => (
          <time datetime={until} title={dayTime(until)}>
            {age(Date.parse(until) - now())}
          </time>
        ),
        sortBy: ({ until }) => Date.parse(until),
      },
      { id: 'by', header: t('alerts.shelf.by'), cell: ({ by }) => by, sortBy: ({ by }) => by },
      { id: 'reason', header: t('alerts.shelf.reason'), cell: ({ reason }) => reason, weight: 2 },
      {
        id: 'end',
        header: t('alerts.shelf.end'),
        cell: (shelf) => (
          <Button
            class="small"
            disabled={!mayEnd(shelf)}
            title={mayEnd(shelf) ? undefined : t('alerts.needsOperator')}
            aria-label={t('alerts.shelf.endOf', { name: `${cameraOf(shelf)}, ${kindOf(shelf)}` })}
            onClick={() => void end(shelf)}
          >
            {t('alerts.shelf.end')}
          </Button>
        ),
      },
    ];
    return props.compact ? all.filter(({ id }) => id !== 'by' && id !== 'reason') : all;
  };
  return (
    <>
      <Show when={loaded.error()}>
        {(error) => (
          <p class="error" role="alert">
            {reasonOf(error(), t('shell.noAnswer'))}
          </p>
        )}
      </Show>
      <Show when={holding().length > 0} fallback={<p class="empty">{t('alerts.shelf.none')}</p>}>
        <Table
          label={t('alerts.shelf.list')}
          columns={columns()}
          rows={holding()}
          rowId={({ shelfId }) => shelfId}
          rowHeight={44}
        />
      </Show>
    </>
  );
}
