/** The alarms of the last day: those of the API's list, and those that the feed brought since. */
import { createEffect, createRoot, createSignal, on } from 'solid-js';
import { request } from '../api/request.ts';
import { signIns } from '../api/session.ts';
import { DANGER } from '../picture/risk.ts';
import { feedState, onMessage } from './feed.ts';
import type { Alarm } from './messages.ts';

const MOST = 300;
const HOURS = 24;

const [alarms, setAlarms] = createSignal<readonly Alarm[]>([]);
const [error, setError] = createSignal<unknown>(null);
/** Open ones first, the most dangerous of them first, then the newest; at most 300. */
export const alarmList = alarms;
/** Of the last time that the list was loaded; null when it worked. */
export const alarmsError = error;
export const openAlarms = (): Alarm[] => alarms().filter(({ state }) => state === 'open');

const rank = ({ state, level }: Alarm): number => (state === 'open' ? DANGER[level] : -1);

/** Puts alarms in, each as its last change left it. */
export function takeAlarms(some: readonly Alarm[]): void {
  const known = new Map(alarms().map((alarm) => [alarm.alarmId, alarm]));
  for (const alarm of some) {
    const before = known.get(alarm.alarmId);
    if (before === undefined || before.updatedAt <= alarm.updatedAt) known.set(alarm.alarmId, alarm);
  }
  const newest = [...known.values()].toSorted((a, b) => b.updatedAt.localeCompare(a.updatedAt)).slice(0, MOST);
  setAlarms(newest.toSorted((a, b) => rank(b) - rank(a) || b.openedAt.localeCompare(a.openedAt)));
}

export async function loadAlarms(): Promise<void> {
  try {
    takeAlarms((await request<{ alarms: readonly Alarm[] }>(`/api/alarms?hours=${HOURS}`)).alarms);
    setError(null);
  } catch (thrown) {
    setError(thrown);
  }
}

/** Follows the alarms for as long as the page is open; called once. */
export function startAlarms(): void {
  onMessage('alarm', (alarm) => takeAlarms([alarm]));
  createRoot(() => {
    createEffect(
      on(
        signIns,
        () => {
          setAlarms([]);
          void loadAlarms();
        },
        { defer: true },
      ),
    );
    // What changed while the feed was away is not sent again.
    createEffect(
      on(feedState, (state) => {
        if (state === 'live') void loadAlarms();
      }),
    );
  });
}
