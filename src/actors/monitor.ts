import type { Bus } from '../infra/bus.ts';
import { LineLimit } from '../infra/line-limit.ts';
import type { Metrics } from '../infra/metrics.ts';
import type { NodeAlerts, Silence, SystemAlert } from '../messages/monitoring.ts';
import { subjects } from '../messages/subjects.ts';
import type { AlertBoard } from '../monitoring/alert-board.ts';
import { AlertCalls, type ToldStore } from '../monitoring/alert-calls.ts';
import { AlertEngine, isAnnounced } from '../monitoring/alert-engine.ts';
import { namesOf } from '../monitoring/measure.ts';
import type { MonitoringConfig } from '../monitoring/monitoring-config.ts';
import { defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';

export interface MonitorInit {
  readonly nodeId: string;
  readonly metrics: Pick<Metrics, 'read' | 'replace' | 'inc'>;
  readonly bus: Pick<Bus, 'broadcast' | 'publish'>;
  /** As the file has them now. */
  readonly config: () => MonitoringConfig;
  /** All that hold, of the file and of people. */
  readonly silences: () => readonly Silence[];
  readonly board: AlertBoard;
  readonly told: ToldStore;
  /** Default {@link EVERY_MS}. */
  readonly everyMs?: number;
}

const EVERY_MS = 5_000;
const LOG_EVERY_MS = 60_000;

type Tick = { readonly type: 'tick' };

/**
 * Evaluates the alert rules over this process's own figures, tells all nodes of the alerts, and has webhooks called. A
 * failure is logged and tried again at the next tick: watching must not end what it watches.
 */
export const monitorActor = defineActor<never, Tick>()<MonitorInit>({
  kind: 'monitor',
  mailbox: { capacity: 4, overflow: 'drop-oldest' },
  start: (ctx, { nodeId, metrics, bus, config, silences, board, told, everyMs = EVERY_MS }) => {
    const engine = new AlertEngine(nodeId);
    const calls = new AlertCalls({ nodeId, store: told, bus, board, startedAt: ctx.clock.now() });
    const lines = new LineLimit(LOG_EVERY_MS);
    let calling: Promise<void> | null = null;

    const warn = (what: string, thrown: unknown): void => {
      const err = asError(thrown).message;
      if (lines.mayLog()) ctx.log.warn({ err }, `${what}: ${err}`);
    };

    /** One at a time, beside the ticks: NATS may take long. */
    const call = (alerts: readonly SystemAlert[]): void => {
      calling ??= calls
        .bring(alerts, config(), ctx.clock.now())
        .catch((thrown: unknown) => warn('alerts about Gantry could not be announced yet', thrown))
        .finally(() => (calling = null));
    };

    const look = async (): Promise<void> => {
      const { rules } = config();
      const names = [...new Set(rules.flatMap(({ measure }) => namesOf(measure)))];
      const samples = await metrics.read(names);
      const now = ctx.clock.now();
      const { alerts, values, dropped } = engine.tick(now, samples, rules, silences());
      const message: NodeAlerts = { nodeId, alerts: [...alerts], values: Object.fromEntries(values) };
      board.note(message, now);
      bus.broadcast(subjects.monitoringAlerts, message);
      const firing = alerts.filter(isAnnounced);
      metrics.replace(
        'monitoring_alerts',
        firing.map(({ rule, severity }) => [{ rule, severity }, 1]),
      );
      for (const [rule, count] of dropped) metrics.inc('monitoring_series_dropped_total', count, { rule });
      ctx.report({ rules: rules.length, firing: firing.length, alerts: alerts.length });
      call(alerts);
    };

    ctx.setInterval('tick', everyMs, { type: 'tick' });
    return {
      handlers: {
        tick: async () => {
          try {
            await look();
          } catch (thrown) {
            warn('alert rules could not be evaluated', thrown);
          }
        },
      },
      stop: async () => void (await calling),
    };
  },
});
