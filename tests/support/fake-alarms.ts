import type { AlarmListener, AlarmPort, AlarmScope } from '../../src/http/alarm-port.ts';
import type { Alarm, AlarmLoad } from '../../src/messages/alarm.ts';
import { alarmLoad } from '../../src/alarms/alarm-load.ts';

/** Alarms in memory: a test sets them and calls operators. */
export class FakeAlarms implements AlarmPort {
  alarms: Alarm[] = [];
  readonly acknowledged: { readonly alarmId: string; readonly by: string }[] = [];
  readonly watching = new Set<{ readonly scope: AlarmScope; readonly listener: AlarmListener }>();
  rescopes = 0;

  tell(alarm: Alarm, announce: boolean): void {
    for (const { scope, listener } of this.watching) if (isIn(scope, alarm)) listener(alarm, announce);
  }

  list(scope: AlarmScope, from: number): readonly Alarm[] {
    return this.alarms.filter((alarm) => Date.parse(alarm.updatedAt) >= from && isIn(scope, alarm));
  }

  load(_scope: AlarmScope, hours: number): AlarmLoad {
    const to = Date.parse('2026-05-01T00:00:00.000Z');
    return alarmLoad({ from: to - hours * 3_600_000, to, calls: [to - 1], incidents: [], stale: [] });
  }

  watch(scope: AlarmScope, listener: AlarmListener): () => void {
    const one = { scope, listener };
    this.watching.add(one);
    return () => void this.watching.delete(one);
  }

  async acknowledge(scope: AlarmScope, alarmId: string, by: string): Promise<Alarm | null> {
    const alarm = this.alarms.find((each) => each.alarmId === alarmId && isIn(scope, each));
    if (alarm === undefined) return null;
    this.acknowledged.push({ alarmId, by });
    return { ...alarm, state: 'acknowledged' };
  }

  rescope(): void {
    this.rescopes += 1;
  }
}

const isIn = ({ sees }: AlarmScope, { cameraIds }: Alarm): boolean => cameraIds.some(sees);
