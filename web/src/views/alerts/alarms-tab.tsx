/** The alarms: few, grouped, each with its members. */
import { createMemo, createSignal, For, Show } from 'solid-js';
import { reasonOf, request } from '../../api/request.ts';
import { may } from '../../api/session.ts';
import { alarmList, alarmsError, takeAlarms } from '../../feed/alarms.ts';
import { nameOf } from '../../feed/cameras.ts';
import { now } from '../../feed/feed.ts';
import type { Alarm } from '../../feed/messages.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Switch } from '../../parts/switch.tsx';
import { toast, toastFailure } from '../../parts/toast.tsx';
import { alarmCameras, alarmKinds, alarmText } from '../../picture/alarm-words.ts';
import { nameOfKind } from '../../picture/incidents.ts';
import { levelName } from '../../picture/risk.ts';
import { age, clockTime, dayTime } from '../../picture/words.ts';

export interface AlarmsTabProps {
  readonly onlyOpen: boolean;
  readonly onOnlyOpen: (only: boolean) => void;
  /** The alert that is shown; null: none. */
  readonly currentId: string | null;
  readonly hrefOf: (alertId: string) => string;
}

/** The alarms that the tab shows, in its order. */
export const shownAlarms = (onlyOpen: boolean): readonly Alarm[] =>
  onlyOpen ? alarmList().filter(({ state }) => state === 'open') : alarmList();

export function AlarmsTab(props: AlarmsTabProps) {
  // By id, so that a change of an alarm leaves its row, and what is open in it, where it is.
  const byId = createMemo(() => new Map(shownAlarms(props.onlyOpen).map((alarm) => [alarm.alarmId, alarm])));
  const ids = createMemo(() => [...byId().keys()], undefined, {
    equals: (a, b) => a.length === b.length && a.every((id, index) => id === b[index]),
  });
  return (
    <>
      <Switch
        label={t('alerts.alarm.onlyOpen')}
        name="only-open"
        checked={props.onlyOpen}
        onChange={props.onOnlyOpen}
      />
      <Show when={alarmsError()}>
        {(error) => (
          <p class="error" role="alert">
            {reasonOf(error(), t('shell.noAnswer'))}
          </p>
        )}
      </Show>
      <Show
        when={ids().length > 0}
        fallback={<p class="empty">{t(props.onlyOpen ? 'alerts.alarm.noneOpen' : 'alerts.alarm.none')}</p>}
      >
        <ol class="alarms">
          <For each={ids()}>
            {(id) => (
              <Show when={byId().get(id)}>
                {(alarm) => <AlarmCard alarm={alarm()} currentId={props.currentId} hrefOf={props.hrefOf} />}
              </Show>
            )}
          </For>
        </ol>
      </Show>
    </>
  );
}

function AlarmCard(props: { alarm: Alarm; currentId: string | null; hrefOf: (alertId: string) => string }) {
  const [open, setOpen] = createSignal(false);
  const [busy, setBusy] = createSignal(false);
  const acknowledge = async (): Promise<void> => {
    setBusy(true);
    try {
      const path = `/api/alarms/${encodeURIComponent(props.alarm.alarmId)}/acknowledge`;
      takeAlarms([await request<Alarm>(path, { method: 'POST' })]);
      toast({ type: 'success', text: t('alerts.alarm.acknowledged') });
    } catch (thrown) {
      toastFailure(thrown);
    } finally {
      setBusy(false);
    }
  };
  const first = () => props.alarm.members[0];
  return (
    <li
      class="card alarm"
      data-alarm={props.alarm.alarmId}
      data-level={props.alarm.level}
      data-state={props.alarm.state}
    >
      <p class="row">
        <span class="badge" data-level={props.alarm.level}>
          {levelName(props.alarm.level)}
        </span>
        <span class="mark" title={t(`alerts.alarm.reasonHint.${props.alarm.reason}`)}>
          {t(`alerts.alarm.reason.${props.alarm.reason}`)}
        </span>
        <span class="muted">{t(`alerts.alarm.state.${props.alarm.state}`)}</span>
        <time class="muted" datetime={props.alarm.openedAt} title={dayTime(props.alarm.openedAt)}>
          {t('alerts.alarm.since', { time: clockTime(props.alarm.openedAt) })}
        </time>
        <span class="muted">{t('alerts.alarm.changed', { age: age(now() - Date.parse(props.alarm.updatedAt)) })}</span>
      </p>
      <h3>
        <Show when={first()} fallback={alarmKinds(props.alarm)}>
          {(member) => <a href={props.hrefOf(member().alertId)}>{alarmKinds(props.alarm)}</a>}
        </Show>
      </h3>
      <p>{alarmCameras(props.alarm)}</p>
      <div class="row">
        <Button class="small" aria-expanded={open()} onClick={() => setOpen(!open())}>
          <span class="hidden">{t('alerts.alarm.members')}: </span>
          {countText(props.alarm.count)} <span aria-hidden="true">{open() ? '▴' : '▾'}</span>
        </Button>
        <Show when={props.alarm.state === 'open'}>
          <Button
            class="small"
            disabled={busy() || !may('operator')}
            title={may('operator') ? undefined : t('alerts.needsOperator')}
            onClick={() => void acknowledge()}
          >
            {t('alerts.alarm.acknowledge')}
          </Button>
        </Show>
      </div>
      <Show when={open()}>
        <Members alarm={props.alarm} currentId={props.currentId} hrefOf={props.hrefOf} />
      </Show>
    </li>
  );
}

const countText = (count: number): string =>
  count === 1 ? t('alerts.alarm.countOne') : t('alerts.alarm.count', { count });

const Members = (props: { alarm: Alarm; currentId: string | null; hrefOf: (alertId: string) => string }) => (
  <>
    <ol class="members" aria-label={t('alerts.alarm.membersOf', { alarm: alarmText(props.alarm) })}>
      <For each={props.alarm.members}>
        {(member) => (
          <li>
            <a
              href={props.hrefOf(member.alertId)}
              aria-current={member.alertId === props.currentId ? 'true' : undefined}
            >
              <span class="badge" data-level={member.level}>
                {levelName(member.level)}
              </span>{' '}
              {member.kind === null ? t('alerts.noKind') : nameOfKind(member.kind)}, {nameOf(member.cameraId)},{' '}
              {clockTime(member.at)}
            </a>
          </li>
        )}
      </For>
    </ol>
    <Show when={props.alarm.count > props.alarm.members.length}>
      <p class="muted">{t('alerts.alarm.moreMembers', { count: props.alarm.count - props.alarm.members.length })}</p>
    </Show>
  </>
);
