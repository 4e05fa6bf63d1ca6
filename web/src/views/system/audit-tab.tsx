/** Who changed or acknowledged what, from where, with the values before and after. */
import { createMemo, createSignal, For, Show } from 'solid-js';
import { cameraIds, nameOf } from '../../feed/cameras.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Combobox } from '../../parts/combobox.tsx';
import { DateRange } from '../../parts/date-range.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { Field } from '../../parts/field.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { dayTime, figure } from '../../picture/words.ts';
import { AUDIT_ACTIONS, actionText } from './audit-actions.ts';
import { differenceOf, MOST_LINES } from './audit-difference.ts';
import { type AuditEntry, type AuditRow, createAuditPages, MOST_ENTRIES } from './audit-pages.ts';
import { Problem } from './problem.tsx';

const DAY_MS = 86_400_000;
/** Typing asks once, after it stopped for so long. */
const TYPING_MS = 400;

interface Filter {
  readonly who: string;
  readonly action: string;
  readonly cameraId: string;
  /** Days of the local time; empty: open. */
  readonly from: string;
  readonly to: string;
}
const NO_FILTER: Filter = { who: '', action: '', cameraId: '', from: '', to: '' };

function queryOf({ who, action, cameraId, from, to }: Filter): string {
  const start = Date.parse(`${from}T00:00:00`);
  const end = Date.parse(`${to === '' ? from : to}T00:00:00`) + DAY_MS - 1;
  const given: Readonly<Record<string, string>> = {
    who: who.trim(),
    action,
    cameraId,
    from: Number.isNaN(start) ? '' : new Date(start).toISOString(),
    to: Number.isNaN(end) ? '' : new Date(end).toISOString(),
  };
  return Object.entries(given)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `&${name}=${encodeURIComponent(value)}`)
    .join('');
}

export function AuditTab() {
  const [filter, setFilter] = createSignal<Filter>(NO_FILTER);
  const query = createMemo(() => queryOf(filter()));
  const pages = createAuditPages(query);
  const [openEntry, setOpenEntry] = createSignal<AuditRow | null>(null);
  return (
    <>
      <Filters filter={filter()} onChange={(change) => setFilter({ ...filter(), ...change })} error={pages.error()} />
      <Problem error={pages.error()} />
      <div class="row">
        <Button disabled={pages.busy()} onClick={() => pages.refresh()}>
          {t('system.audit.refresh')}
        </Button>
        <span class="muted" role="status">
          {pages.busy() ? t('shell.loading') : t('system.audit.count', { count: figure(pages.rows().length) })}
        </span>
      </div>
      <Table
        label={t('system.parts.audit')}
        rows={pages.rows()}
        rowId={({ key }) => key}
        columns={columns()}
        onOpen={setOpenEntry}
        onEnd={pages.more}
        currentId={openEntry()?.key ?? null}
        minWidth={860}
      />
      <Show when={pages.hasMore()}>
        <p class="row">
          <Button disabled={pages.busy()} onClick={() => pages.more()}>
            {t('system.audit.more')}
          </Button>
        </p>
      </Show>
      <Show when={pages.isFull()}>
        <p class="muted">{t('system.audit.full', { most: figure(MOST_ENTRIES) })}</p>
      </Show>
      <EntryDialog entry={openEntry()} onClose={() => setOpenEntry(null)} />
    </>
  );
}

function Filters(props: { filter: Filter; onChange: (change: Partial<Filter>) => void; error: unknown }) {
  const [who, setWho] = createSignal('');
  let timer: ReturnType<typeof setTimeout> | undefined;
  const typed = (text: string): void => {
    setWho(text);
    clearTimeout(timer);
    timer = setTimeout(() => props.onChange({ who: text }), TYPING_MS);
  };
  return (
    <div class="system-filters audit-filters">
      <Field name="who" label={t('system.audit.who')} value={who()} onInput={typed} error={props.error} />
      <Combobox
        name="action"
        label={t('system.audit.action')}
        options={AUDIT_ACTIONS.map((action) => ({ value: action, label: actionText(action) }))}
        values={props.filter.action === '' ? [] : [props.filter.action]}
        onChange={([action = '']) => props.onChange({ action })}
      />
      <Combobox
        name="camera"
        label={t('system.audit.camera')}
        options={cameraIds().map((id) => ({ value: id, label: nameOf(id) }))}
        values={props.filter.cameraId === '' ? [] : [props.filter.cameraId]}
        onChange={([cameraId = '']) => props.onChange({ cameraId })}
      />
      <DateRange
        label={t('system.audit.days')}
        from={props.filter.from}
        to={props.filter.to}
        onChange={(from, to) => props.onChange({ from, to })}
      />
    </div>
  );
}

const columns = (): readonly Column<AuditRow>[] => [
  { id: 'at', header: t('system.audit.at'), weight: 2, cell: ({ at }) => dayTime(at) },
  { id: 'who', header: t('system.audit.who'), weight: 1.5, cell: ({ who }) => who },
  { id: 'action', header: t('system.audit.action'), weight: 2, cell: ({ action }) => actionText(action) },
  { id: 'target', header: t('system.audit.target'), weight: 2, cell: ({ target }) => <code>{target}</code> },
  {
    id: 'camera',
    header: t('system.audit.camera'),
    cell: ({ cameraId }) => (cameraId === null ? '–' : nameOf(cameraId)),
  },
  { id: 'address', header: t('system.audit.address'), weight: 1.5, cell: ({ address }) => <code>{address}</code> },
];

const EntryDialog = (props: { entry: AuditEntry | null; onClose: () => void }) => (
  <Dialog
    id="audit-entry"
    open={props.entry !== null}
    onOpenChange={props.onClose}
    title={actionText(props.entry?.action ?? '')}
    wide
  >
    <Show when={props.entry}>{(entry) => <Entry entry={entry()} />}</Show>
  </Dialog>
);

function Entry(props: { entry: AuditEntry }) {
  const lines = createMemo(() => differenceOf(props.entry.before, props.entry.after));
  const facts = (): readonly (readonly [string, string])[] => [
    [t('system.audit.at'), dayTime(props.entry.at)],
    [t('system.audit.who'), props.entry.who],
    [
      t('system.audit.as'),
      props.entry.role === null ? t('system.audit.nobody') : t(`shell.user.role.${props.entry.role}`),
    ],
    [t('system.audit.via'), t(`system.audit.ways.${props.entry.via}`)],
    [t('system.audit.address'), props.entry.address],
    [t('system.audit.target'), props.entry.target],
    [t('system.audit.camera'), props.entry.cameraId === null ? '–' : nameOf(props.entry.cameraId)],
  ];
  return (
    <>
      <dl class="facts">
        <For each={facts()}>
          {([name, value]) => (
            <div>
              <dt class="muted">{name}</dt>
              <dd>{value}</dd>
            </div>
          )}
        </For>
      </dl>
      <Show when={lines().length > 0} fallback={<p class="muted">{t('system.audit.noValues')}</p>}>
        <div class="wide-table" tabindex="0" role="region" aria-label={t('system.audit.difference')}>
          <table class="lined difference">
            <thead>
              <tr>
                <th scope="col">{t('system.audit.field')}</th>
                <th scope="col">{t('system.audit.before')}</th>
                <th scope="col">{t('system.audit.after')}</th>
              </tr>
            </thead>
            <tbody>
              <For each={lines()}>
                {(line) => (
                  <tr>
                    <th scope="row">
                      <code>{line.path === '' ? '–' : line.path}</code>
                    </th>
                    <td>
                      <Show when={line.before !== null}>
                        <del>− {line.before}</del>
                      </Show>
                    </td>
                    <td>
                      <Show when={line.after !== null}>
                        <ins>+ {line.after}</ins>
                      </Show>
                    </td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </div>
        <Show when={lines().length >= MOST_LINES}>
          <p class="muted">{t('system.audit.cut', { most: MOST_LINES })}</p>
        </Show>
      </Show>
    </>
  );
}
