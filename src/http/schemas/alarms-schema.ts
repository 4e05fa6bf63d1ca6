import { z } from 'zod';
import { Alarm, AlarmId } from '../../messages/alarm.ts';

const Hours = z.coerce
  .number({ error: 'must be a number of hours' })
  .min(1)
  .max(24)
  .default(24)
  .meta({ description: 'How far back, 1 to 24' });

export const AlarmsQuery = z.strictObject({ hours: Hours });
export const AlarmParams = z.object({ id: AlarmId });
export const AlarmList = z.object({
  /** Last changed first. */
  alarms: z.array(Alarm),
});
