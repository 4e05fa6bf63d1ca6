import { AlertDesk } from '../alert-desk/alert-desk.ts';
import type { LiveFeed } from '../http/live-feed.ts';
import type { Log } from '../infra/log.ts';
import { JetStreamDesk } from '../infra/nats/desk-streams.ts';
import type { NatsBus } from '../infra/nats/nats-bus.ts';
import { alarmDesk, handledBy } from './alarm-desk.ts';
import { AlarmWatch } from './alarm-watch.ts';
import type { GantryConfig } from './config.ts';
import type { StartStack } from './start-stack.ts';

/** The alerts and alarms that people work with. */
export interface UsedAlertDesk {
  /** The list of alerts, read in the background; null without the role `web`. */
  readonly desk: AlertDesk | null;
  /** Empty until it is started. */
  readonly alarms: AlarmWatch;
}

export async function useAlertDesk(
  stack: StartStack,
  config: Pick<GantryConfig, 'roles'>,
  bus: NatsBus,
  log: Log,
): Promise<UsedAlertDesk> {
  const desk = await stack.step(
    'alert desk',
    () => (config.roles.includes('web') ? new AlertDesk({ store: new JetStreamDesk(bus), log }) : null),
    (opened) => opened?.close(),
  );
  const alarms = await stack.step(
    'alarms',
    () => new AlarmWatch({ bus, log, ...(desk === null ? {} : { desk: alarmDesk(desk) }) }),
    (watch) => watch.close(),
  );
  return { desk, alarms };
}

/** Tells alarms and viewers about everything people do about alerts. Returns the end of it. */
export const followDesk = (desk: AlertDesk, alarms: AlarmWatch, feed: LiveFeed): (() => void) =>
  desk.subscribe({
    onHandling: (handling) => {
      alarms.handled(handling.alertId, handledBy(handling));
      feed.publishHandling(handling);
    },
    onShelves: (shelves) => feed.publishShelves(shelves),
  });
