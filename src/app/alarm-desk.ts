import type { AlertDesk } from '../alert-desk/alert-desk.ts';
import { acknowledge } from '../alert-desk/handling-changes.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import type { Handled } from '../alarms/alarm-guard.types.ts';
import type { AlertHandling } from '../messages/alert-handling.ts';
import type { AlarmDesk } from './alarm-watch.ts';

/** `unclear` tells the guard nothing. */
export const handledBy = ({ acknowledged, verdict }: AlertHandling): Handled => ({
  acknowledged: acknowledged !== null,
  isFalse: verdict === null || verdict.value === 'unclear' ? null : verdict.value === 'false',
});

/** The handling of alerts, as the guard of alarms needs it. */
export const alarmDesk = (
  desk: Pick<AlertDesk, 'isShelved' | 'handling' | 'change'>,
  clock: Clock = systemClock,
): AlarmDesk => ({
  isShelved: (alert, at) => desk.isShelved(alert, at),
  handled: (alert) => handledBy(desk.handling(alert)),
  acknowledge: async (alert, by) => void (await desk.change(alert, acknowledge({ by, now: clock.now() }))),
});
