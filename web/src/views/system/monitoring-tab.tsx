/** The rules by which Gantry itself is watched, how they stand, and silences. */
import { createMemo, createSignal, For, Show } from 'solid-js';
import type { MonitoringReport, RuleView } from '../../../../src/http/schemas/monitoring-schema.ts';
import type { Silence } from '../../../../src/messages/monitoring.ts';
import { createPoll } from '../../api/poll.ts';
import { request } from '../../api/request.ts';
import { principal } from '../../api/session.ts';
import { nameOf } from '../../feed/cameras.ts';
import { now } from '../../feed/feed.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { createStableRows } from '../../parts/stable-rows.ts';
import { type Column, Table } from '../../parts/table.tsx';
import { toast, toastFailure } from '../../parts/toast.tsx';
import { age, dayTime, figure } from '../../picture/words.ts';
import { Problem } from './problem.tsx';
import { SilenceDialog, type SilenceSubject } from './silence-dialog.tsx';

const MONITORING_MS = 5_000;
type Alert = MonitoringReport['alerts'][number];

const seesAll = (): boolean => principal()?.groups === null;

export function MonitoringTab() {
  const poll = createPoll<MonitoringReport>(() => '/api/monitoring', MONITORING_MS);
  const [subject, setSubject] = createSignal<SilenceSubject | null>(null);
  const rows = createStableRows(() => poll.data()?.rules ?? [], 'name');
  const end = async ({ silenceId }: Silence): Promise<void> => {
    try {
      await request(`/api/monitoring/silences/${encodeURIComponent(silenceId)}`, { method: 'DELETE' });
      toast({ type: 'success', text: t('system.monitoring.ended') });
      void poll.refresh();
    } catch (thrown) {
      toastFailure(thrown);
    }
  };
  return (
    <>
      <Problem error={poll.error()} />
      <Show when={poll.data()} fallback={<p class="empty">{t('shell.loading')}</p>}>
        {(report) => (
          <>
            <Show when={report().problem}>
              {(problem) => (
                <p class="notice" data-level="bad" role="alert">
                  {problem()}
                </p>
              )}
            </Show>
            <Alerts alerts={report().alerts} onSilence={setSubject} />
            <Table
              label={t('system.monitoring.rules')}
              rows={rows()}
              rowId={({ name }) => name}
              columns={columns(setSubject)}
              rowHeight={44}
              minWidth={900}
            />
            <Silences silences={report().silences} onEnd={(silence) => void end(silence)} />
          </>
        )}
      </Show>
      <SilenceDialog subject={subject()} onClose={() => setSubject(null)} onSilenced={() => void poll.refresh()} />
    </>
  );
}

const stateOf = ({ state, silencedUntil }: Alert): string => stateText(silencedUntil === null ? state : 'silenced');

function Alerts(props: { alerts: readonly Alert[]; onSilence: (subject: SilenceSubject) => void }) {
  const rows = createStableRows(() => props.alerts.map((alert) => ({ ...alert, id: aboutOf(alert) })), 'id');
  return (
    <Show when={props.alerts.length > 0} fallback={<p class="empty">{t('system.monitoring.noAlerts')}</p>}>
      <ul class="plain" aria-label={t('system.monitoring.alerts')}>
        <For each={rows()}>
          {(alert) => (
            <li class="notice row" data-level={alert.severity === 'critical' ? 'bad' : 'warn'} data-rule={alert.rule}>
              <span>
                <strong>{aboutOf(alert)}</strong> {stateOf(alert)}, {valueText(alert.value, alert.unit)},{' '}
                {t('system.monitoring.forTime', { time: age(now() - Date.parse(alert.since)) })}
              </span>
              <Show when={alert.silencedUntil === null && (alert.cameraId !== null || seesAll())}>
                <Button
                  class="small"
                  aria-label={t('system.monitoring.silenceOf', { name: aboutOf(alert) })}
                  onClick={() => props.onSilence({ rule: alert.rule, cameraId: alert.cameraId })}
                >
                  {t('system.monitoring.silence')}
                </Button>
              </Show>
            </li>
          )}
        </For>
      </ul>
    </Show>
  );
}

function Silences(props: { silences: readonly Silence[]; onEnd: (silence: Silence) => void }) {
  const mayEnd = ({ silenceId, cameraId }: Silence): boolean =>
    !silenceId.startsWith('file-') && (cameraId !== null || seesAll());
  const columns = createMemo((): readonly Column<Silence>[] => [
    { id: 'rule', header: t('system.monitoring.rule'), weight: 2, cell: ({ rule }) => <code>{rule}</code> },
    {
      id: 'camera',
      header: t('system.monitoring.camera'),
      cell: ({ cameraId }) => (cameraId === null ? t('system.monitoring.all') : nameOf(cameraId)),
    },
    { id: 'until', header: t('system.monitoring.until'), weight: 2, cell: ({ until }) => dayTime(until) },
    { id: 'by', header: t('system.monitoring.by'), cell: ({ by }) => <span title={by}>{by}</span> },
    {
      id: 'reason',
      header: t('system.monitoring.reason'),
      weight: 2,
      cell: ({ reason }) => <span title={reason}>{reason}</span>,
    },
    {
      id: 'end',
      header: t('system.monitoring.end'),
      cell: (silence) => (
        <Show when={mayEnd(silence)} fallback={t('system.monitoring.inFile')}>
          <Button
            class="small"
            aria-label={t('system.monitoring.endOf', { name: silence.rule })}
            onClick={() => props.onEnd(silence)}
          >
            {t('system.monitoring.end')}
          </Button>
        </Show>
      ),
    },
  ]);
  return (
    <Show when={props.silences.length > 0}>
      <h3>{t('system.monitoring.silences')}</h3>
      <Table
        label={t('system.monitoring.silences')}
        rows={props.silences}
        rowId={({ silenceId }) => silenceId}
        columns={columns()}
        rowHeight={44}
        minWidth={800}
      />
    </Show>
  );
}

const columns = (onSilence: (subject: SilenceSubject) => void): readonly Column<RuleView>[] => [
  {
    id: 'rule',
    header: t('system.monitoring.rule'),
    weight: 3,
    sortBy: ({ name }) => name,
    cell: ({ name, summary, runbook }) => (
      <span title={`${summary}. ${runbook}.`}>
        <code>{name}</code>
      </span>
    ),
  },
  {
    id: 'state',
    header: t('system.monitoring.state'),
    weight: 2,
    sortBy: ({ state }) => state,
    cell: ({ state }) => (
      <span class="row" data-state={state}>
        <span class="dot" data-state={DOTS[state]} aria-hidden="true" />
        {stateText(state)}
      </span>
    ),
  },
  {
    id: 'severity',
    header: t('system.monitoring.severity'),
    sortBy: ({ severity }) => severity,
    cell: ({ severity }) => t(`system.monitoring.severities.${severity}`),
  },
  {
    id: 'value',
    header: t('system.monitoring.value'),
    align: 'end',
    cell: ({ value, unit }) => (value === null ? '–' : valueText(value, unit)),
  },
  {
    id: 'threshold',
    header: t('system.monitoring.threshold'),
    align: 'end',
    cell: ({ threshold, comparison, unit }) => `${comparison === 'above' ? '>' : '<'} ${valueText(threshold, unit)}`,
  },
  {
    id: 'since',
    header: t('system.monitoring.since'),
    cell: ({ since }) => (since === null ? '–' : age(now() - Date.parse(since))),
  },
  {
    id: 'silence',
    header: t('system.monitoring.silence'),
    cell: ({ name, state }) => (
      <Button
        class="small"
        disabled={!seesAll() || state === 'disabled'}
        title={seesAll() ? undefined : t('system.notAllowed')}
        aria-label={t('system.monitoring.silenceOf', { name })}
        onClick={() => onSilence({ rule: name, cameraId: null })}
      >
        {t('system.monitoring.silence')}
      </Button>
    ),
  },
];

const DOTS = {
  ok: 'running',
  pending: 'backing-off',
  firing: 'failed',
  clearing: 'backing-off',
  silenced: 'stopped',
  disabled: 'stopped',
  unknown: 'stopped',
} as const;

const stateText = (state: RuleView['state']): string => t(`system.monitoring.states.${state}`);

function aboutOf({ rule, cameraId, labels, node, shared }: Alert): string {
  const things = cameraId === null ? Object.values(labels) : [nameOf(cameraId)];
  return [rule, ...things, ...(shared ? [] : [node])].join(' · ');
}

function valueText(value: number, unit: string): string {
  if (unit === 'share') return `${figure(Math.round(value * 1_000) / 10)} %`;
  if (unit === 'bytes') return `${figure(Math.round(value / 1e8) / 10)} GB`;
  if (unit === 'seconds') return `${figure(Math.round(value * 10) / 10)} s`;
  return figure(value);
}
