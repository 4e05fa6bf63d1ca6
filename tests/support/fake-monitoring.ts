import type { MonitoringPort } from '../../src/http/ports.ts';
import type { Silence, SystemAlert } from '../../src/messages/monitoring.ts';
import { DEFAULT_MONITORING } from '../../src/monitoring/monitoring-config.ts';

const [DISABLED, ...RULES] = DEFAULT_MONITORING.rules;

/** An alert of a rule, firing at `node-1`. */
export const systemAlert = (rule: string, over: Partial<SystemAlert> = {}): SystemAlert => ({
  rule,
  severity: 'critical',
  state: 'firing',
  since: '2026-01-02T03:04:05.000Z',
  firedAt: '2026-01-02T03:04:10.000Z',
  value: 75,
  threshold: 60,
  unit: 'seconds',
  labels: over.cameraId === undefined || over.cameraId === null ? {} : { camera_id: over.cameraId },
  cameraId: null,
  node: 'node-1',
  shared: false,
  silencedUntil: null,
  ...over,
});

/** The rules as they come, one of them switched off, and alerts that a test sets. */
export class FakeMonitoring implements MonitoringPort {
  alerts: SystemAlert[] = [];
  readonly silences: Silence[] = [];
  readonly values = new Map<string, readonly number[]>();
  problem: string | null = null;
  most = 200;

  state: MonitoringPort['state'] = () => ({
    rules: RULES,
    disabled: DISABLED === undefined ? [] : [DISABLED],
    alerts: this.alerts,
    silences: this.silences,
    valuesOf: (rule) => this.values.get(rule) ?? [],
    problem: this.problem,
  });

  async addSilence(silence: Silence): Promise<'added' | 'full'> {
    if (this.silences.length >= this.most) return 'full';
    this.silences.push(silence);
    return 'added';
  }

  async removeSilence(id: string): Promise<boolean> {
    const at = this.silences.findIndex(({ silenceId }) => silenceId === id);
    if (at >= 0) this.silences.splice(at, 1);
    return at >= 0;
  }
}
