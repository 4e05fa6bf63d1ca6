/** Alerts of a camera on an axis of time, by kind; each opens its alert. */
import { createEffect, createMemo, createSignal, For, Index, on, onCleanup, Show } from 'solid-js';
import { createPoll } from '../../api/poll.ts';
import { reasonOf, request } from '../../api/request.ts';
import { now, onMessage } from '../../feed/feed.ts';
import type { AlertRow } from '../../feed/messages.ts';
import { t } from '../../i18n/index.ts';
import { Select } from '../../parts/select.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { nameOfKind } from '../../picture/incidents.ts';
import { DANGER, levelName } from '../../picture/risk.ts';
import { clockTime, dayTime } from '../../picture/words.ts';
import { SPANS_HOURS } from './camera-choice.ts';
import {
  type Spot,
  spotAfter,
  type TimelineMark,
  type TimelineRow,
  timelineRows,
  timelineTicks,
} from './timeline-rows.ts';

const RELOAD_MS = 30_000;
/** A live alert loads the list again, at most so often. */
const SOON_MS = 2_000;
const PAGE = 200;
/** Pages that are loaded beyond the first one. */
const MORE_PAGES = 4;
/** The axis moves on so often. */
const STEP_MS = 5_000;

interface AlertPage {
  readonly alerts: readonly AlertRow[];
  readonly next: string | null;
  /** False: the server still reads older alerts after its start. */
  readonly complete?: boolean;
}

export function TimelinePanel(props: { cameraId: string; hours: number; onHours: (hours: number) => void }) {
  const source = createAlerts(
    () => props.cameraId,
    () => props.hours,
  );
  const to = createMemo(() => Math.ceil(now() / STEP_MS) * STEP_MS);
  const span = createMemo(() => ({ from: to() - props.hours * 3_600_000, to: to() }));
  const rows = createMemo(() => timelineRows(source.alerts(), span()));
  return (
    <section class="card timeline" aria-label={t('camera.timeline')}>
      <div class="row">
        <h3>{t('camera.timeline')}</h3>
        <Select
          label={t('camera.timelineSpan')}
          labelHidden
          name="timeline-hours"
          value={String(props.hours)}
          options={SPANS_HOURS.map((hours) => ({ value: String(hours), label: t('camera.timelineHours', { hours }) }))}
          onChange={(value) => props.onHours(Number(value))}
        />
      </div>
      <Show when={source.error()}>
        {(error) => (
          <p class="error" role="alert">
            {t('camera.timelineFailed', { reason: reasonOf(error(), t('shell.noAnswer')) })}
          </p>
        )}
      </Show>
      <Show when={!source.complete()}>
        <p class="muted">{t('camera.timelineIncomplete')}</p>
      </Show>
      <Show when={rows().length > 0} fallback={<p class="muted">{t('camera.timelineEmpty')}</p>}>
        <Axis rows={rows()} span={span()} hours={props.hours} />
        <Show when={source.more()}>
          <p class="muted">{t('camera.timelineMore', { count: source.alerts().length })}</p>
        </Show>
        <AlertList alerts={source.alerts()} />
      </Show>
    </section>
  );
}

/** The alerts of the camera in the span, newest first: the first page again and again, the others once. */
function createAlerts(cameraId: () => string, hours: () => number) {
  const query = (): string => {
    const from = new Date(Date.now() - hours() * 3_600_000).toISOString();
    return `/api/alerts?cameraId=${encodeURIComponent(cameraId())}&from=${encodeURIComponent(from)}&limit=${PAGE}`;
  };
  const first = createPoll<AlertPage>(query, RELOAD_MS);
  const [older, setOlder] = createSignal<readonly AlertRow[]>([]);
  const [more, setMore] = createSignal(false);
  let ended = false;
  let loadedFor = -1;
  const loadOlder = async (start: string): Promise<void> => {
    const wanted = hours();
    let next: string | null = start;
    const found: AlertRow[] = [];
    for (let page = 0; page < MORE_PAGES && next !== null; page += 1) {
      const reply: AlertPage = await request<AlertPage>(`${query()}&before=${encodeURIComponent(next)}`);
      if (ended || wanted !== hours()) return;
      found.push(...reply.alerts);
      next = reply.next;
    }
    setOlder(found);
    setMore(next !== null);
  };
  createEffect(
    on(first.data, (page) => {
      if (page === undefined || page.next === null || loadedFor === hours()) return;
      loadedFor = hours();
      // The newest alerts are there; what failed is tried again when the span changes.
      loadOlder(page.next).catch(() => setMore(true));
    }),
  );
  createEffect(
    on(
      hours,
      () => {
        setOlder([]);
        setMore(false);
      },
      { defer: true },
    ),
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(
    onMessage('alert', (alert) => {
      if (alert.cameraId !== cameraId()) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        void first.refresh();
      }, SOON_MS);
    }),
  );
  onCleanup(() => {
    ended = true;
    clearTimeout(timer);
  });
  const alerts = createMemo(() => [
    ...new Map([...older(), ...(first.data()?.alerts ?? [])].map((row) => [row.alertId, row])).values(),
  ]);
  return { alerts, more, error: first.error, complete: () => first.data()?.complete !== false };
}

/** One stop of the Tab key; arrow keys move between the marks. */
function Axis(props: {
  rows: readonly TimelineRow[];
  span: { readonly from: number; readonly to: number };
  hours: number;
}) {
  let box: HTMLDivElement | undefined;
  const [current, setCurrent] = createSignal<Spot>({ row: 0, index: Number.MAX_SAFE_INTEGER });
  // Rows come and go: the nearest mark that is there.
  const spot = createMemo((): Spot => {
    const row = Math.min(current().row, props.rows.length - 1);
    const count = props.rows[row]?.marks.length ?? 0;
    return { row, index: Math.max(0, Math.min(current().index, count - 1)) };
  });
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = spotAfter(props.rows, spot(), event.key);
    if (next === null) return;
    event.preventDefault();
    setCurrent(next);
    requestAnimationFrame(() => box?.querySelector<HTMLElement>(`[data-spot="${next.row}-${next.index}"]`)?.focus());
  };
  const place = (ms: number): string =>
    `${Math.round(((ms - props.span.from) / (props.span.to - props.span.from)) * 10_000) / 100}%`;
  return (
    <div
      class="timeline-axis"
      ref={box}
      role="group"
      aria-label={t('camera.timelineLabel', { hours: props.hours })}
      onKeyDown={onKeyDown}
    >
      {/* The axis moves on all the time: the elements stay, and with them the focus. */}
      <Index each={props.rows}>
        {(row, index) => (
          <div class="timeline-row" data-kind={row().kind ?? 'group'}>
            <span class="timeline-kind">{rowName(row().kind)}</span>
            <div class="timeline-marks">
              <Index each={row().marks}>
                {(mark, at) => (
                  <Mark
                    mark={mark()}
                    spot={`${index}-${at}`}
                    isCurrent={spot().row === index && spot().index === at}
                    onFocus={() => setCurrent({ row: index, index: at })}
                  />
                )}
              </Index>
            </div>
          </div>
        )}
      </Index>
      <div class="timeline-row" aria-hidden="true">
        <span class="timeline-kind" />
        <div class="timeline-marks timeline-ticks">
          <For each={timelineTicks(props.span)}>
            {(tick) => <span style={{ left: place(tick) }}>{clockTime(new Date(tick).toISOString()).slice(0, 5)}</span>}
          </For>
        </div>
      </div>
    </div>
  );
}

const rowName = (kind: TimelineRow['kind']): string => (kind === null ? t('camera.timelineGroup') : nameOfKind(kind));

const Mark = (props: { mark: TimelineMark; spot: string; isCurrent: boolean; onFocus: () => void }) => {
  const label = (): string =>
    t('camera.timelineItem', {
      kind: rowName(props.mark.kind),
      level: levelName(props.mark.level),
      time: dayTime(props.mark.time),
    });
  return (
    <a
      class="timeline-mark"
      href={`#/alerts/${props.mark.alertId}`}
      data-level={props.mark.level}
      data-spot={props.spot}
      tabindex={props.isCurrent ? 0 : -1}
      aria-label={label()}
      title={label()}
      style={{ left: `${Math.round(props.mark.at * 10_000) / 100}%` }}
      onFocus={() => props.onFocus()}
    />
  );
};

/** The same alerts, for whoever prefers rows to a picture. */
function AlertList(props: { alerts: readonly AlertRow[] }) {
  const kinds = (row: AlertRow): string =>
    row.kinds.length === 0 ? rowName(null) : row.kinds.map((kind) => nameOfKind(kind)).join(', ');
  const columns = (): Column<AlertRow>[] => [
    {
      id: 'time',
      header: t('camera.columnTime'),
      cell: (row) => dayTime(row.timestamp),
      sortBy: (row) => row.timestamp,
    },
    { id: 'kind', header: t('camera.columnKind'), cell: kinds, sortBy: kinds },
    {
      id: 'level',
      header: t('camera.columnLevel'),
      cell: (row) => levelName(row.level),
      sortBy: (row) => DANGER[row.level],
    },
    { id: 'text', header: t('camera.columnText'), cell: (row) => row.description, weight: 3 },
  ];
  const [open, setOpen] = createSignal(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t('camera.timelineList')}</summary>
      <Show when={open()}>
        <Table
          label={t('camera.timeline')}
          columns={columns()}
          rows={props.alerts}
          rowId={(row) => row.alertId}
          sortedBy={{ id: 'time', desc: true }}
          onOpen={(row) => location.assign(`#/alerts/${row.alertId}`)}
        />
      </Show>
    </details>
  );
}
