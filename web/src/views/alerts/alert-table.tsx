/** The alerts that match the filters, as a table. */
import { For, Show } from 'solid-js';
import { reasonOf } from '../../api/request.ts';
import { nameOf } from '../../feed/cameras.ts';
import type { AlertRow } from '../../feed/messages.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { nameOfKind } from '../../picture/incidents.ts';
import { levelName } from '../../picture/risk.ts';
import { dayTime, figure, shortTime } from '../../picture/words.ts';
import { type AlertList, MOST_ROWS } from './alert-list.ts';

export interface AlertTableProps {
  readonly list: AlertList;
  readonly currentId: string | null;
  readonly onOpen: (row: AlertRow) => void;
  /** Few columns, two lines a row. */
  readonly compact: boolean;
}

export function AlertTable(props: AlertTableProps) {
  return (
    <div class="alert-list">
      <div role="status">
        <Show when={props.list.fresh().length > 0}>
          <Button class="fresh" look="primary" onClick={() => props.list.showFresh()}>
            {props.list.fresh().length === 1
              ? t('alerts.freshOne')
              : t('alerts.fresh', { count: props.list.fresh().length })}
          </Button>
        </Show>
        <Show when={!props.list.complete()}>
          <p class="muted">{t('alerts.incomplete')}</p>
        </Show>
        <Show when={props.list.full()}>
          <p class="muted">{t('alerts.full', { count: figure(MOST_ROWS) })}</p>
        </Show>
        <Show when={props.list.loading() && props.list.rows().length === 0}>
          <p class="muted">{t('alerts.loadingList')}</p>
        </Show>
      </div>
      <Show when={props.list.error()}>
        {(error) => (
          <p class="error" role="alert">
            {reasonOf(error(), t('shell.noAnswerRetry'))}{' '}
            <Button class="small" onClick={() => props.list.reload()}>
              {t('shell.retry')}
            </Button>
          </p>
        )}
      </Show>
      <Table
        label={t('alerts.tabs.list')}
        columns={props.compact ? compactColumns() : columns()}
        rows={props.list.rows()}
        rowId={({ alertId }) => alertId}
        currentId={props.currentId}
        onOpen={props.onOpen}
        onEnd={() => props.list.more()}
        rowHeight={props.compact ? 62 : 38}
      />
    </div>
  );
}

const Level = (props: { row: AlertRow }) => (
  <span class="badge" data-level={props.row.level}>
    {levelName(props.row.level)}
  </span>
);

const kindsOf = ({ kinds }: AlertRow): string =>
  kinds.length === 0 ? t('alerts.noKind') : kinds.map(nameOfKind).join(', ');

/** An alert may be both acknowledged and shelved. */
function stateOf({ handling, shelved }: AlertRow): string {
  const states = [
    ...(handling.acknowledged === null ? [] : [`✓ ${t('alerts.state.acknowledged')}`]),
    ...(shelved ? [`⏸ ${t('alerts.state.shelved')}`] : []),
  ];
  return states.length === 0 ? t('alerts.state.open') : states.join(', ');
}

const verdictOf = ({ handling: { verdict } }: AlertRow): string =>
  verdict === null ? '' : t(`alerts.verdict.${verdict.value}`);

const Time = (props: { row: AlertRow }) => <time datetime={props.row.timestamp}>{dayTime(props.row.timestamp)}</time>;

const columns = (): Column<AlertRow>[] => [
  { id: 'time', header: t('alerts.column.time'), cell: (row) => <Time row={row} />, weight: 1.5 },
  { id: 'level', header: t('alerts.column.level'), cell: (row) => <Level row={row} />, weight: 0.8 },
  { id: 'camera', header: t('alerts.column.camera'), cell: ({ cameraId }) => nameOf(cameraId), weight: 1.4 },
  { id: 'kinds', header: t('alerts.column.kinds'), cell: kindsOf, weight: 1.4 },
  {
    id: 'description',
    header: t('alerts.column.description'),
    cell: ({ description }) => <span title={description}>{description}</span>,
    weight: 3,
  },
  { id: 'state', header: t('alerts.column.state'), cell: stateOf, weight: 1.2 },
  { id: 'verdict', header: t('alerts.column.verdict'), cell: verdictOf, weight: 0.8 },
];

const Lines = (props: { lines: readonly string[] }) => <For each={props.lines}>{(line) => <div>{line}</div>}</For>;

const compactColumns = (): Column<AlertRow>[] => [
  {
    id: 'time',
    header: `${t('alerts.column.level')}, ${t('alerts.column.time')}`,
    cell: (row) => (
      <>
        <div>
          <Level row={row} />
        </div>
        <time datetime={row.timestamp} title={dayTime(row.timestamp)}>
          {shortTime(row.timestamp)}
        </time>
      </>
    ),
    weight: 1.2,
  },
  {
    id: 'camera',
    header: `${t('alerts.column.camera')}, ${t('alerts.column.kinds')}`,
    cell: (row) => <Lines lines={[nameOf(row.cameraId), kindsOf(row)]} />,
  },
  {
    id: 'state',
    header: `${t('alerts.column.state')}, ${t('alerts.column.verdict')}`,
    cell: (row) => <Lines lines={[stateOf(row), verdictOf(row)]} />,
    weight: 0.9,
  },
];
