import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { Alarm } from '../../src/messages/alarm.ts';

/** An open alarm of one alert. */
export const alarmOf = (alert: Aggregate, more: Partial<Alarm> = {}): Alarm => ({
  alarmId: `i-${alert.requestId}`,
  reason: 'incident',
  openedAt: alert.timestamp,
  updatedAt: alert.timestamp,
  level: 'high',
  cameraIds: [alert.cameraId],
  cameras: 1,
  kinds: ['near-miss'],
  count: 1,
  members: [
    {
      alertId: alert.requestId,
      incidentId: null,
      cameraId: alert.cameraId,
      kind: 'near-miss',
      level: 'high',
      at: alert.timestamp,
    },
  ],
  state: 'open',
  ...more,
});
