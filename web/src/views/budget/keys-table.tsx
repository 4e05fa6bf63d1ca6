/** The keys with the use of each of their limits, and what an admin may do with them. */
import { createMemo, createSignal, For, Show } from 'solid-js';
import type { BudgetReport } from '../../../../src/http/schemas/budget-schema.ts';
import type { KeyPatchBody, KeyView } from '../../../../src/http/schemas/keys-schema.ts';
import type { KeyPoolStats } from '../../../../src/http/schemas/operations-schema.ts';
import type { UsageReport } from '../../../../src/http/schemas/usage-schema.ts';
import { request } from '../../api/request.ts';
import { mayAll } from '../../api/session.ts';
import { now } from '../../feed/feed.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Menu } from '../../parts/menu.tsx';
import { Meter } from '../../parts/meter.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { toast, toastFailure } from '../../parts/toast.tsx';
import { clockTime, figure } from '../../picture/words.ts';
import { keyRows, type KeyRow, secondsUntil } from './budget-rows.ts';
import { AddKeyDialog, ChangeKeyDialog, RemoveKeyDialog } from './key-dialogs.tsx';

export interface KeysTableProps {
  readonly report: BudgetReport | undefined;
  /** Undefined for whoever sees some cameras only. */
  readonly stats: KeyPoolStats | undefined;
  /** Null for whoever may not administer keys. */
  readonly keys: readonly KeyView[] | null;
  readonly usage: UsageReport | undefined;
  readonly onChanged: () => void;
}

const ROW_PX = 68;

export function KeysTable(props: KeysTableProps) {
  const [adding, setAdding] = createSignal(false);
  const [changing, setChanging] = createSignal<KeyView | null>(null);
  const [removing, setRemoving] = createSignal<string | null>(null);
  const rows = createMemo(() =>
    keyRows({ report: props.report, stats: props.stats, views: props.keys, usage: props.usage }),
  );
  // Keys belong to no camera: an admin of some groups only may not change them.
  const mayChange = () => mayAll('admin');
  const change = (name: string, patch: KeyPatchBody): void => {
    request(`/api/keys/${name}`, { method: 'PATCH', body: patch })
      .then(() => {
        toast({ type: 'success', text: t('budget.changed', { name }) });
        props.onChanged();
      })
      .catch(toastFailure);
  };
  const actions = (row: KeyRow) => (
    <Show when={row.view}>
      {(view) => (
        <Menu.Root label={t('budget.actionsOf', { name: row.name })} text="⋯">
          <Menu.Item value="change" onSelect={() => setChanging(view())}>
            {t('budget.changeLimits')}
          </Menu.Item>
          <Menu.Item value="drain" onSelect={() => change(row.name, { drain: !view().drain })}>
            {view().drain ? t('budget.undrain') : t('budget.drain')}
          </Menu.Item>
          <Menu.Item value="enable" onSelect={() => change(row.name, { enabled: !view().enabled })}>
            {view().enabled ? t('budget.disable') : t('budget.enable')}
          </Menu.Item>
          <Menu.Item value="remove" danger onSelect={() => setRemoving(row.name)}>
            {t('budget.remove')}
          </Menu.Item>
        </Menu.Root>
      )}
    </Show>
  );
  return (
    <>
      <Show when={mayChange()}>
        <p class="row">
          <Button onClick={() => setAdding(true)}>{t('budget.addKey')}</Button>
        </p>
      </Show>
      <Table
        label={t('budget.keys')}
        rows={rows()}
        rowId={({ name }) => name}
        rowHeight={ROW_PX}
        columns={[
          ...columns(),
          ...(mayChange() ? [{ id: 'actions', header: t('budget.actions'), cell: actions }] : []),
        ]}
      />
      <AddKeyDialog open={adding()} onClose={() => setAdding(false)} onDone={props.onChanged} />
      <ChangeKeyDialog view={changing()} onClose={() => setChanging(null)} onDone={props.onChanged} />
      <RemoveKeyDialog name={removing()} onClose={() => setRemoving(null)} onDone={props.onChanged} />
    </>
  );
}

const columns = (): readonly Column<KeyRow>[] => [
  { id: 'name', header: t('budget.key'), sortBy: ({ name }) => name, cell: ({ name }) => <code>{name}</code> },
  {
    id: 'state',
    header: t('budget.state'),
    weight: 2,
    sortBy: ({ status }) => status ?? '',
    cell: (row) => <KeyState row={row} />,
  },
  useOf('qps'),
  useOf('rpm'),
  useOf('tpm'),
  {
    id: 'success',
    header: t('budget.success'),
    align: 'end',
    sortBy: ({ successRate }) => successRate ?? -1,
    cell: ({ successRate }) => (successRate === null ? '–' : `${figure(successRate * 100, 1)} %`),
  },
  {
    id: 'cost',
    header: t('budget.costToday'),
    align: 'end',
    sortBy: ({ costToday }) => costToday ?? -1,
    cell: ({ costToday }) => (costToday === null ? '–' : figure(costToday, 2)),
  },
];

/** Use of one limit. */
const useOf = (limit: 'qps' | 'rpm' | 'tpm'): Column<KeyRow> => ({
  id: limit,
  header: t(`budget.${limit}`),
  sortBy: ({ uses }) => (uses[limit] === undefined ? -1 : uses[limit].used / uses[limit].of),
  cell: ({ name, uses }) => (
    <Show when={uses[limit]} fallback={<span class="muted">{t('budget.noLimit')}</span>}>
      {(use) => (
        <span class="use">
          {t('budget.ofAllowed', { used: figure(use().used), allowed: figure(use().of) })}
          <Meter label={t('budget.useOf', { limit: t(`budget.${limit}`), name })} value={use().used} max={use().of} />
        </span>
      )}
    </Show>
  ),
});

function KeyState(props: { row: KeyRow }) {
  const seconds = () => secondsUntil(props.row.coolsUntil, now());
  return (
    <span class="key-state">
      <Show when={props.row.status} fallback="–">
        {(status) => (
          <span class="badge" data-key-status={status()}>
            {t(`budget.status.${status()}`)}
          </span>
        )}
      </Show>{' '}
      <Show when={props.row.view?.drain}>{t('budget.draining')} </Show>
      <Show when={seconds() !== null}>{t('budget.coolsFor', { seconds: seconds() ?? 0 })} </Show>
      <Show when={props.row.notice}>
        {(notice) => (
          <span class="muted key-notice" title={notice()}>
            {notice()}
          </span>
        )}
      </Show>
    </span>
  );
}

/** The circuit breakers that hold calls back. */
export const Circuits = (props: { circuits: KeyPoolStats['circuits'] }) => (
  <For each={props.circuits.filter(({ state }) => state !== 'closed')}>
    {(circuit) => (
      <p class="notice" data-level="warn">
        {t(`budget.circuit.${circuit.state === 'open' ? 'open' : 'halfOpen'}`, {
          group: circuit.group,
          failures: circuit.failures,
          since: circuit.since === null ? t('budget.unknown') : clockTime(circuit.since),
          seconds: secondsUntil(circuit.retryAt, now()) ?? 0,
        })}
      </p>
    )}
  </For>
);
