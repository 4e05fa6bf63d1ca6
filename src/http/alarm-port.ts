import type { Alarm, AlarmId, AlarmLoad } from '../messages/alarm.ts';
import type { CameraId } from '../messages/ids.ts';

/** The cameras of an operator. */
export interface AlarmScope {
  /** The same for operators with the same cameras; null: every camera. */
  readonly groups: readonly string[] | null;
  readonly sees: (cameraId: CameraId) => boolean;
}

/** Told of every alarm that was opened or changed; `announce`: the operator is to be called. */
export type AlarmListener = (alarm: Alarm, announce: boolean) => void;

/** The alarms made of the last day's alerts, one set for each scope. */
export interface AlarmPort {
  /** Alarms updated at or after `from` (epoch ms), newest first; at most as many as are kept. */
  list(scope: AlarmScope, from: number): readonly Alarm[];
  /** Of the last `hours`. */
  load(scope: AlarmScope, hours: number): AlarmLoad;
  /** Calls `listener` until the returned function is called. */
  watch(scope: AlarmScope, listener: AlarmListener): () => void;
  /** Acknowledges every alert of an alarm; null when there is no such alarm in the scope. Rejects `BUS_DOWN`. */
  acknowledge(scope: AlarmScope, alarmId: AlarmId, by: string): Promise<Alarm | null>;
  /** The groups of cameras changed: scopes are looked at anew. */
  rescope(): void;
}
