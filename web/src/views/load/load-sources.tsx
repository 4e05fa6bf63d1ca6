/** The sources of the alarm load: the worst, those that chatter, and alarms that nobody acknowledges. */
import { type JSX, Show } from 'solid-js';
import type { AlarmLoad } from '../../../../src/messages/alarm.ts';
import type { EventKind } from '../../../../src/messages/scene-constants.ts';
import { may } from '../../api/session.ts';
import { nameOf } from '../../feed/cameras.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { nameOfKind } from '../../picture/incidents.ts';
import { levelName } from '../../picture/risk.ts';
import { dayTime, figure } from '../../picture/words.ts';
import type { ShelfSubject } from '../alerts/shelve-dialog.tsx';

interface Source {
  readonly cameraId: string;
  readonly kind: EventKind | null;
}

const ROW_PX = 42;

const cameraOf = ({ cameraId }: Source): string => nameOf(cameraId);
const kindOf = ({ kind }: Source): string => (kind === null ? t('load.group') : nameOfKind(kind));
const idOf = ({ cameraId, kind }: Source): string => `${cameraId} ${kind ?? ''}`;

interface SourcesProps {
  readonly load: AlarmLoad;
  readonly onShelve: (subject: ShelfSubject) => void;
}

const Section = (props: { title: string; hint?: string; none: string; empty: boolean; children: JSX.Element }) => (
  <section class="card">
    <h3>{props.title}</h3>
    <Show when={props.hint}>
      <p class="muted">{props.hint}</p>
    </Show>
    <Show when={!props.empty} fallback={<p class="muted">{props.none}</p>}>
      {props.children}
    </Show>
  </section>
);

const sourceColumns = <Row extends Source>(): Column<Row>[] => [
  { id: 'camera', header: t('load.camera'), cell: cameraOf, sortBy: cameraOf, weight: 2 },
  { id: 'kind', header: t('load.kind'), cell: kindOf, sortBy: kindOf, weight: 2 },
];

const shelveColumn = <Row extends Source>(onShelve: SourcesProps['onShelve']): Column<Row> => ({
  id: 'shelve',
  header: t('load.action'),
  cell: (source) => (
    <Button
      class="small"
      disabled={!may('operator')}
      title={may('operator') ? undefined : t('alerts.needsOperator')}
      aria-label={t('load.shelveOf', { name: `${cameraOf(source)}, ${kindOf(source)}` })}
      onClick={() => onShelve({ cameraId: source.cameraId, kind: source.kind })}
    >
      {t('load.shelve')}
    </Button>
  ),
  weight: 1.2,
});

export function WorstSources(props: SourcesProps) {
  type Row = AlarmLoad['worst'][number];
  const columns = (): Column<Row>[] => [
    ...sourceColumns<Row>(),
    {
      id: 'count',
      header: t('load.count'),
      cell: ({ alarms }) => figure(alarms),
      sortBy: ({ alarms }) => alarms,
      align: 'end',
    },
    {
      id: 'share',
      header: t('load.share'),
      cell: ({ share }) => `${figure(share * 100, 1)} %`,
      sortBy: ({ share }) => share,
      align: 'end',
    },
    shelveColumn<Row>(props.onShelve),
  ];
  return (
    <Section title={t('load.worst')} none={t('load.noWorst')} empty={props.load.worst.length === 0}>
      <Table label={t('load.worst')} columns={columns()} rows={props.load.worst} rowId={idOf} rowHeight={ROW_PX} />
    </Section>
  );
}

export function ChatteringSources(props: SourcesProps) {
  type Row = AlarmLoad['chattering'][number];
  const columns = (): Column<Row>[] => [
    ...sourceColumns<Row>(),
    {
      id: 'count',
      header: t('load.count'),
      cell: ({ incidents }) => figure(incidents),
      sortBy: ({ incidents }) => incidents,
      align: 'end',
    },
    {
      id: 'worst',
      header: t('load.worstPerMinute'),
      cell: ({ worstPerMinute }) => figure(worstPerMinute),
      sortBy: ({ worstPerMinute }) => worstPerMinute,
      align: 'end',
    },
    shelveColumn<Row>(props.onShelve),
  ];
  return (
    <Section title={t('load.chattering')} none={t('load.noChattering')} empty={props.load.chattering.length === 0}>
      <Table
        label={t('load.chattering')}
        columns={columns()}
        rows={props.load.chattering}
        rowId={idOf}
        rowHeight={ROW_PX}
      />
    </Section>
  );
}

export function StaleAlarms(props: { load: AlarmLoad }) {
  type Row = AlarmLoad['stale'][number];
  const columns = (): Column<Row>[] => [
    {
      id: 'opened',
      header: t('load.opened'),
      cell: ({ openedAt }) => <time datetime={openedAt}>{dayTime(openedAt)}</time>,
      sortBy: ({ openedAt }) => Date.parse(openedAt),
    },
    {
      id: 'level',
      header: t('load.level'),
      cell: ({ level }) => (
        <span class="badge" data-level={level}>
          {levelName(level)}
        </span>
      ),
    },
    {
      id: 'cameras',
      header: t('load.cameras'),
      cell: ({ cameraIds }) => cameraIds.map(nameOf).join(', '),
      weight: 3,
    },
  ];
  return (
    <Section
      title={t('load.stale')}
      hint={t('load.staleHint')}
      none={t('load.noStale')}
      empty={props.load.stale.length === 0}
    >
      <Table
        label={t('load.stale')}
        columns={columns()}
        rows={props.load.stale}
        rowId={({ alarmId }) => alarmId}
        rowHeight={ROW_PX}
      />
    </Section>
  );
}
