/** Alarms, alerts and shelves, with the alert of choice beside them. */
import { useNavigate, useParams, useSearchParams } from '@solidjs/router';
import { createEffect, createMemo, createSignal, on, Show } from 'solid-js';
import { saveFile } from '../../api/request.ts';
import { may } from '../../api/session.ts';
import { chooseNotifications, chooseSound } from '../../app/call-operator.ts';
import { preferences, setViewPreference, viewPreference } from '../../app/preferences.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { createMedia } from '../../parts/media.ts';
import { createShortcuts } from '../../parts/shortcuts.ts';
import { Switch } from '../../parts/switch.tsx';
import { Tabs } from '../../parts/tabs.tsx';
import { toast, toastFailure } from '../../parts/toast.tsx';
import { AlarmsTab, shownAlarms } from './alarms-tab.tsx';
import { addressOf, type AlertChoice, apiQuery, readAlertChoice } from './alert-choice.ts';
import { AlertFilters } from './alert-filters.tsx';
import { type AlertList, createAlertList } from './alert-list.ts';
import { AlertPanel } from './alert-panel.tsx';
import { AlertTable } from './alert-table.tsx';
import { ShelveDialog, type ShelfSubject } from './shelve-dialog.tsx';
import { ShelvesTab } from './shelves-tab.tsx';
import { ShortcutsDialog } from './shortcuts-dialog.tsx';
import './alerts.css';

const TABS = ['alarms', 'list', 'shelves'] as const;
type TabName = (typeof TABS)[number];

const CSV_MS = 60_000;

/** What the view remembers of its user's choices. */
interface Remembered {
  readonly onlyOpen: boolean;
  readonly keys: boolean;
}

function remembered(): Remembered {
  const stored: { onlyOpen?: unknown; keys?: unknown } = viewPreference('alerts') ?? {};
  return { onlyOpen: stored.onlyOpen !== false, keys: stored.keys !== false };
}
const remember = (change: Partial<Remembered>): void => setViewPreference('alerts', { ...remembered(), ...change });

/** The tab, the filters and the open alert: all in the address, so that a link has them. */
function createPlace() {
  const params = useParams<{ id?: string }>();
  const [search, setSearch] = useSearchParams();
  const navigate = useNavigate();
  const choice = createMemo(() => readAlertChoice(search), undefined, {
    equals: (a, b) => JSON.stringify(a) === JSON.stringify(b),
  });
  const openId = (): string | null => params.id ?? null;
  const tab = (): TabName => TABS.find((name) => name === search['tab']) ?? 'alarms';
  /** The address of an alert beside the tab and filters of now. */
  const pathOf = (alertId: string | null): string => {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...addressOf(choice()), tab: tab() }))
      if (value !== null) query.set(name, value);
    return `/alerts${alertId === null ? '' : `/${encodeURIComponent(alertId)}`}?${query}`;
  };
  return {
    openId,
    tab,
    choice,
    setTab: (value: string) => setSearch({ tab: value }),
    change: (change: Partial<AlertChoice>) => setSearch(addressOf({ ...choice(), ...change }), { replace: true }),
    hrefOf: (alertId: string): string => `#${pathOf(alertId)}`,
    open: (alertId: string | null) => navigate(pathOf(alertId), { scroll: false }),
  };
}

/** The alerts beside the open one, in the order of the tab. */
function createNeighbours(place: Place, list: AlertList) {
  /** Ids in the order of the tab. */
  const order = createMemo((): string[] =>
    place.tab() === 'alarms'
      ? [...new Set(shownAlarms(remembered().onlyOpen).flatMap(({ members }) => members.map((each) => each.alertId)))]
      : list.rows().map(({ alertId }) => alertId),
  );
  const neighbour = (step: 1 | -1): string | undefined => {
    const openId = place.openId();
    const index = openId === null ? -1 : order().indexOf(openId);
    return index === -1 ? (step === 1 ? order()[0] : undefined) : order()[index + step];
  };
  const goer = (step: 1 | -1): (() => void) | undefined => {
    const alertId = neighbour(step);
    return alertId === undefined ? undefined : () => place.open(alertId);
  };
  return { order, goer };
}

export default function AlertsView() {
  const place = createPlace();
  const list = createAlertList(() => (place.tab() === 'list' ? apiQuery(place.choice()).toString() : null));
  const narrow = createMedia('(max-width: 1100px)');
  const small = createMedia('(max-width: 760px)');
  const [shelving, setShelving] = createSignal<ShelfSubject | null>(null);
  const [helping, setHelping] = createSignal(false);
  const { order, goer } = createNeighbours(place, list);
  createShortcuts(
    {
      j: () => goer(1)?.(),
      k: () => goer(-1)?.(),
      n: () => list.showFresh(),
      '?': () => setHelping(true),
    },
    () => remembered().keys,
  );
  // More of the list before its end is reached by keys.
  createEffect(
    on(place.openId, (openId) => {
      if (openId !== null && place.tab() === 'list' && openId === order().at(-1)) list.more();
    }),
  );
  const close = (): void => {
    const openId = place.openId();
    if (openId === null) return;
    place.open(null);
    // Back to where the alert was opened.
    requestAnimationFrame(() =>
      document.querySelector<HTMLElement>(`[data-row="${CSS.escape(openId)}"]`)?.focus({ preventScroll: true }),
    );
  };
  return (
    <div class="alerts" data-open={place.openId() !== null}>
      <div class="alerts-main">
        <Head onHelp={() => setHelping(true)} onShelve={() => setShelving({ cameraId: null, kind: null })} />
        <Tabs
          label={t('alerts.title')}
          value={place.tab()}
          onChange={place.setTab}
          tabs={TABS.map((value) => ({
            value,
            label: t(`alerts.tabs.${value}`),
            content: () => (
              <TabContent name={value} place={place} list={list} compact={small() || place.openId() !== null} />
            ),
          }))}
        />
      </div>
      <Show when={place.openId()}>
        {(openId) => (
          <AlertPanel
            alertId={openId()}
            takesFocus={narrow()}
            keys={remembered().keys}
            onClose={close}
            onPrevious={goer(-1)}
            onNext={goer(1)}
            onShelve={setShelving}
          />
        )}
      </Show>
      <ShelveDialog subject={shelving()} onClose={() => setShelving(null)} />
      <ShortcutsDialog
        open={helping()}
        onOpenChange={setHelping}
        on={remembered().keys}
        onToggle={(keys) => remember({ keys })}
      />
    </div>
  );
}

function Head(props: { onHelp: () => void; onShelve: () => void }) {
  return (
    <div class="row alerts-head">
      <h2>{t('alerts.title')}</h2>
      <Switch label={t('alerts.sound')} name="sound" checked={preferences().sound} onChange={chooseSound} />
      <Switch
        label={t('alerts.notifications')}
        name="notifications"
        checked={preferences().notifications}
        onChange={(wanted) => void chooseNotifications(wanted)}
      />
      <Button
        class="small"
        name="shelve"
        disabled={!may('operator')}
        title={may('operator') ? undefined : t('alerts.needsOperator')}
        onClick={() => props.onShelve()}
      >
        {t('alerts.shelve')}
      </Button>
      <Button class="small" name="keys" onClick={() => props.onHelp()}>
        {t('alerts.shortcuts')} <kbd aria-hidden="true">?</kbd>
      </Button>
    </div>
  );
}

type Place = ReturnType<typeof createPlace>;

function TabContent(props: { name: TabName; place: Place; list: AlertList; compact: boolean }) {
  const byName: Readonly<Record<TabName, () => ReturnType<typeof ListTab>>> = {
    alarms: () => (
      <AlarmsTab
        onlyOpen={remembered().onlyOpen}
        onOnlyOpen={(onlyOpen) => remember({ onlyOpen })}
        currentId={props.place.openId()}
        hrefOf={props.place.hrefOf}
      />
    ),
    list: () => <ListTab place={props.place} list={props.list} compact={props.compact} />,
    shelves: () => <ShelvesTab compact={props.compact} />,
  };
  return byName[props.name]();
}

function ListTab(props: { place: Place; list: AlertList; compact: boolean }) {
  const save = (): void => {
    saveFile(`/api/alerts.csv?${apiQuery(props.place.choice())}`, 'alerts.csv', CSV_MS).then(({ whole }) => {
      if (!whole) toast({ type: 'info', text: t('alerts.exportPart') });
    }, toastFailure);
  };
  const copy = (): void => {
    navigator.clipboard.writeText(location.href).then(
      () => toast({ type: 'success', text: t('alerts.filter.copied') }),
      () => toast({ type: 'info', text: location.href }),
    );
  };
  return (
    <>
      <div class="row list-tools">
        <AlertFilters choice={props.place.choice()} onChange={props.place.change} />
        <Button class="small" onClick={copy}>
          {t('alerts.filter.copy')}
        </Button>
        <Button
          class="small"
          name="export"
          disabled={!may('operator')}
          title={may('operator') ? undefined : t('alerts.needsOperator')}
          onClick={save}
        >
          {t('alerts.export')}
        </Button>
      </div>
      <AlertTable
        list={props.list}
        currentId={props.place.openId()}
        compact={props.compact}
        onOpen={({ alertId }) => props.place.open(alertId)}
      />
    </>
  );
}
