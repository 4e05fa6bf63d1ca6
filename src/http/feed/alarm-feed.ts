import type { Alarm } from '../../messages/alarm.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { AlarmPort, AlarmScope } from '../alarm-port.ts';
import { encode, EncodedMessage } from './feed-protocol.ts';
import type { Outbox } from './viewer-outbox.ts';

/** Alarms of this long before are told to a viewer that has just come. */
const BACK_MS = 24 * 60 * 60_000;
/** And not more of them: an operator reads the rest in the list. */
const MOST_OPEN = 100;

/**
 * Sends alarms to a viewer: the open ones at once, each change later. Calls to the operator are never skipped; of the
 * other changes of an alarm a slow viewer gets the newest. Returns a function that ends it.
 */
export function sendAlarms(
  alarms: Pick<AlarmPort, 'list' | 'watch'>,
  scope: AlarmScope,
  outbox: Pick<Outbox, 'alert' | 'status'>,
  clock: Clock,
): () => void {
  const revise = (alarm: Alarm): void =>
    outbox.status(`alarm ${alarm.alarmId}`, encode({ type: 'alarm', data: { ...alarm, announce: false } }));
  const unwatch = alarms.watch(scope, (alarm, announce) => {
    if (announce) outbox.alert(new EncodedMessage('alarm', JSON.stringify({ ...alarm, announce }), null));
    else revise(alarm);
  });
  const open = alarms.list(scope, clock.now() - BACK_MS).filter(({ state }) => state === 'open');
  for (const alarm of open.slice(0, MOST_OPEN).toReversed()) revise(alarm);
  return unwatch;
}
