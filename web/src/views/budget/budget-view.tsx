/** How the calls to the model are spent: limits, cost, freshness, keys, and the cameras that got the calls. */
import { createEffect, createMemo, For, on, type ParentProps, Show } from 'solid-js';
import type { BudgetReport } from '../../../../src/http/schemas/budget-schema.ts';
import type { KeyList } from '../../../../src/http/schemas/keys-schema.ts';
import type { KeyPoolStats } from '../../../../src/http/schemas/operations-schema.ts';
import type { UsageReport } from '../../../../src/http/schemas/usage-schema.ts';
import { createPoll } from '../../api/poll.ts';
import { reasonOf } from '../../api/request.ts';
import { mayAll } from '../../api/session.ts';
import { nameOf } from '../../feed/cameras.ts';
import { t } from '../../i18n/index.ts';
import { Meter } from '../../parts/meter.tsx';
import { Plot } from '../../parts/plot.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { clockTime, figure } from '../../picture/words.ts';
import { addBudgetSample, budgetSamples } from './budget-history.ts';
import { type CameraCalls, dayLimit, type LimitUse } from './budget-rows.ts';
import { Circuits, KeysTable } from './keys-table.tsx';
import './budget.css';

const BUDGET_MS = 2_000;
const USAGE_MS = 10_000;

export default function BudgetView() {
  const budget = createPoll<{ data: BudgetReport }>(() => '/api/budget', BUDGET_MS);
  // Keys are for those who see every camera, and for admins to change.
  const statsPath = () => (mayAll('viewer') ? '/api/scheduler/stats' : null);
  const stats = createPoll<{ data: KeyPoolStats }>(statsPath, BUDGET_MS);
  const usage = createPoll<UsageReport>(() => '/api/usage', USAGE_MS);
  const keys = createPoll<KeyList>(() => (mayAll('admin') ? '/api/keys' : null), USAGE_MS);
  const report = () => budget.data()?.data;
  createEffect(on(report, (given) => given !== undefined && addBudgetSample(Date.now(), given)));
  const changed = (): void => {
    void keys.refresh();
    void stats.refresh();
  };
  return (
    <div class="budget">
      <h2>{t('budget.title')}</h2>
      <Show when={budget.error()}>
        <p class="notice" data-level="bad" role="alert">
          {reasonOf(budget.error(), t('shell.noAnswer'))}
        </p>
      </Show>
      <Show when={report()} fallback={<p class="empty">{t('shell.loading')}</p>}>
        {(given) => <Figures report={given()} />}
      </Show>
      <section class="card" aria-labelledby="budget-keys">
        <h3 id="budget-keys">{t('budget.keys')}</h3>
        <For each={keys.data()?.notices}>{(notice) => <p class="notice">{notice}</p>}</For>
        <Circuits circuits={stats.data()?.data.circuits ?? []} />
        <KeysTable
          report={report()}
          stats={stats.data()?.data}
          keys={keys.data()?.keys ?? null}
          usage={usage.data()}
          onChanged={changed}
        />
      </section>
      <Plots />
      <section class="card" aria-labelledby="budget-cameras">
        <h3 id="budget-cameras">{t('budget.cameras')}</h3>
        <p class="muted">{t('budget.camerasHint')}</p>
        <CamerasTable report={report()} />
      </section>
    </div>
  );
}

function Figures(props: { report: BudgetReport }) {
  const calls = () => props.report.calls;
  const freshness = () => props.report.freshness;
  const day = () => dayLimit(props.report);
  const number = (value: number | null | undefined, digits = 0): string =>
    value === null || value === undefined ? t('budget.unknown') : figure(value, digits);
  return (
    <>
      <Show when={props.report.short_since}>
        {(since) => (
          <p class="notice" data-level="warn">
            {t('budget.short', { time: clockTime(since()), needed: number(props.report.keys.needed) })}
          </p>
        )}
      </Show>
      <Show when={props.report.keys.present === 0}>
        <p class="notice" data-level="info">
          {t('budget.noKeys')}
        </p>
      </Show>
      <Show when={isSpent(day())}>
        <p class="notice" data-level="bad">
          {t('budget.spent')}
        </p>
      </Show>
      <dl class="figures">
        <Figure name={t('budget.used')}>
          {t('budget.ofAllowed', {
            used: figure(calls().used_last_minute),
            allowed: number(calls().allowed_per_minute),
          })}
          <Meter label={t('budget.used')} value={calls().used_last_minute} max={calls().allowed_per_minute ?? 0} />
        </Figure>
        <Figure name={t('budget.wasted')}>{figure(calls().wasted_last_minute)}</Figure>
        <Figure name={t('budget.answerTime')}>
          {calls().answer_ms === null
            ? t('budget.unknown')
            : t('budget.seconds', { value: figure((calls().answer_ms ?? 0) / 1000, 1) })}
        </Figure>
        <Figure name={t('budget.costToday')}>
          {day() === null
            ? number(props.report.cost_today, 2)
            : t('budget.ofAllowed', {
                used: number(props.report.cost_today ?? day()?.used, 2),
                allowed: number(day()?.of, 2),
              })}
          <Meter label={t('budget.costToday')} value={day()?.used ?? 0} max={day()?.of ?? 0} />
        </Figure>
        <Figure name={t('budget.freshness')}>
          {freshness().p95_seconds === null
            ? t('budget.noVerdicts')
            : t('budget.freshnessFigures', {
                p50: number(freshness().p50_seconds, 1),
                p95: number(freshness().p95_seconds, 1),
                limit: number(freshness().limit_seconds, 1),
              })}{' '}
          <Reached reached={freshness().reached} />
        </Figure>
        <Figure name={t('budget.keysNeeded')}>
          {props.report.keys.present === 0
            ? t('budget.noKeysNeeded')
            : t('budget.ofNeeded', {
                present: number(props.report.keys.present),
                needed: number(props.report.keys.needed),
              })}
        </Figure>
        <Figure name={t('budget.questions')}>{number(props.report.questions.per_minute)}</Figure>
      </dl>
    </>
  );
}

const Figure = (props: ParentProps<{ name: string }>) => (
  <div class="card figure">
    <dt class="muted">{props.name}</dt>
    <dd>{props.children}</dd>
  </div>
);

const isSpent = (day: LimitUse | null): boolean => day !== null && day.used >= day.of;

/** Whether 95 % of the verdicts were as fresh as they must be; null: not known. */
const Reached = (props: { reached: boolean | null }) => (
  <Show when={props.reached !== null}>
    <strong class={props.reached === true ? 'good' : 'missed'}>
      {props.reached === true ? `✓ ${t('budget.reached')}` : `⚠ ${t('budget.missed')}`}
    </strong>
  </Show>
);

function Plots() {
  const times = createMemo(() => budgetSamples().map(({ at }) => at / 1000));
  return (
    <section class="card plots" aria-labelledby="budget-plots">
      <h3 id="budget-plots">{t('budget.plots')}</h3>
      <Show when={budgetSamples().length > 1} fallback={<p class="muted">{t('budget.plotsLater')}</p>}>
        <Plot
          label={t('budget.callsPlot')}
          times={times()}
          series={[
            { name: t('budget.used'), values: budgetSamples().map(({ used }) => used), colour: '--accent' },
            {
              name: t('budget.allowed'),
              values: budgetSamples().map(({ allowed }) => allowed),
              colour: '--edge',
              dashed: true,
            },
            { name: t('budget.wasted'), values: budgetSamples().map(({ wasted }) => wasted), colour: '--high' },
          ]}
        />
        <Plot
          label={t('budget.freshnessPlot')}
          unit="s"
          times={times()}
          series={[
            { name: t('budget.p95'), values: budgetSamples().map(({ p95 }) => p95), colour: '--accent' },
            {
              name: t('budget.limit'),
              values: budgetSamples().map(({ limit }) => limit),
              colour: '--edge',
              dashed: true,
            },
          ]}
        />
      </Show>
    </section>
  );
}

function CamerasTable(props: { report: BudgetReport | undefined }) {
  type Count = 'asked' | 'carried' | 'superseded' | 'budget' | 'calls_last_minute' | 'calls_today';
  const count = (id: Count): Column<CameraCalls> => ({
    id,
    header: t(`budget.counts.${id}`),
    align: 'end',
    sortBy: (row) => row[id] ?? -1,
    cell: (row) => (row[id] === null ? '–' : figure(row[id])),
  });
  const columns = (): readonly Column<CameraCalls>[] => [
    {
      id: 'camera',
      header: t('budget.camera'),
      weight: 2,
      sortBy: ({ camera_id: id }) => nameOf(id),
      cell: ({ camera_id: id }) => <a href={`#/cameras/${encodeURIComponent(id)}`}>{nameOf(id)}</a>,
    },
    count('calls_last_minute'),
    count('calls_today'),
    {
      id: 'cost',
      header: t('budget.costToday'),
      align: 'end',
      sortBy: ({ cost_today: cost }) => cost,
      cell: ({ cost_today: cost }) => figure(cost, 2),
    },
    count('asked'),
    count('carried'),
    count('superseded'),
    count('budget'),
  ];
  return (
    <Table
      label={t('budget.cameras')}
      columns={columns()}
      rows={props.report?.questions.by_camera ?? []}
      rowId={({ camera_id: id }) => id}
      sortedBy={{ id: 'calls_last_minute', desc: true }}
    />
  );
}
