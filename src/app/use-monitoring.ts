import type { MonitorInit } from '../actors/monitor.ts';
import type { MonitoringPort } from '../http/ports.ts';
import { InfraError } from '../infra/infra-error.ts';
import type { ActorLog } from '../runtime/actor.ts';
import type { Metrics } from '../infra/metrics.ts';
import { BUCKETS } from '../infra/nats/buckets.ts';
import type { NatsBus } from '../infra/nats/nats-bus.ts';
import { WatchedBucket } from '../infra/nats/watched-bucket.ts';
import { MOST_SILENCES, NodeAlerts, Silence, ToldAlert } from '../messages/monitoring.ts';
import { subjects } from '../messages/subjects.ts';
import { AlertBoard } from '../monitoring/alert-board.ts';
import type { Clock } from '../runtime/clock.ts';
import { systemClock } from '../runtime/clock.ts';
import type { GantryConfig } from './config.ts';
import { MonitoringSettings } from './monitoring-settings.ts';
import type { StartStack } from './start-stack.ts';

const MOST_TOLD = 1_000;
/** Several may be added at the same moment. */
const SPARE = 20;

export interface MonitoringParts {
  readonly config: Pick<GantryConfig, 'monitoringFile' | 'hookSecret'>;
  readonly bus: NatsBus;
  readonly nodeId: string;
  readonly metrics: Metrics;
  readonly log: ActorLog;
}

/** The alert rules, the alerts of all nodes, and the records that nodes share. */
export interface UsedMonitoring {
  readonly settings: MonitoringSettings;
  readonly port: MonitoringPort;
  /** Of this process's engine. */
  readonly init: () => MonitorInit;
}

/** Opens the alert rules and follows the alerts of the other nodes. Rejects for a file that cannot be used. */
export async function useMonitoring(
  stack: StartStack,
  { config, bus, nodeId, metrics, log }: MonitoringParts,
): Promise<{ readonly monitoring: UsedMonitoring }> {
  const settings = await stack.step(
    'alert rules',
    async () => {
      const opened = await MonitoringSettings.open(config.monitoringFile, log);
      if (opened.now.hookUrls.length === 0 || config.hookSecret !== null) return opened;
      opened.close();
      throw new InfraError(
        'CONFIG_INVALID',
        'hook_urls of the alert rules need GANTRY_HOOK_SECRET, which signs calls',
        {
          field: 'hook_urls',
        },
      );
    },
    (opened) => opened.close(),
  );
  const plan = BUCKETS.monitoring;
  const silences = await stack.step(
    'silences',
    () =>
      WatchedBucket.open({
        link: bus.link,
        plan,
        prefix: 'silence',
        parser: Silence,
        most: MOST_SILENCES + SPARE,
        log,
      }),
    (bucket) => bucket.close(),
  );
  const told = await stack.step(
    'announced alerts',
    () => WatchedBucket.open({ link: bus.link, plan, prefix: 'told', parser: ToldAlert, most: MOST_TOLD, log }),
    (bucket) => bucket.close(),
  );
  const board = new AlertBoard();
  await stack.step(
    'alerts of all nodes',
    () =>
      bus.subscribe(subjects.monitoringAlerts, NodeAlerts, (alerts) => {
        // One's own are on the board already, with NATS or without.
        if (alerts.nodeId !== nodeId) board.note(alerts, systemClock.now());
      }),
    (unsubscribe) => unsubscribe(),
  );
  const port = monitoringPort({ settings, silences, board, clock: systemClock });
  return {
    monitoring: {
      settings,
      port,
      init: () => ({
        nodeId,
        metrics,
        bus,
        config: () => settings.now,
        silences: () => port.state().silences,
        board,
        told,
      }),
    },
  };
}

export interface MonitoringPortParts {
  readonly settings: Pick<MonitoringSettings, 'now' | 'problem'>;
  readonly silences: Pick<WatchedBucket<Silence>, 'entries' | 'change'>;
  readonly board: AlertBoard;
  readonly clock: Pick<Clock, 'now'>;
}

/** Alerts of all nodes, and the silences of the file and of people. */
export function monitoringPort({ settings, silences, board, clock }: MonitoringPortParts): MonitoringPort {
  const holding = (): Silence[] => {
    const now = clock.now();
    return [...settings.now.silences, ...silences.entries.values()].filter(({ until }) => Date.parse(until) > now);
  };
  return {
    state: () => {
      const now = clock.now();
      const { rules, disabled } = settings.now;
      return {
        rules,
        disabled,
        alerts: board.list(now),
        silences: holding(),
        valuesOf: (rule) => board.valuesOf(rule, now),
        problem: settings.problem,
      };
    },
    addSilence: async (silence) => {
      if (holding().length >= MOST_SILENCES) return 'full';
      // Those whose time is over make room.
      for (const [key, { until }] of silences.entries)
        if (Date.parse(until) <= clock.now()) await silences.change(key, () => null);
      await silences.change(silence.silenceId, () => silence);
      return 'added';
    },
    removeSilence: async (id) => {
      let wasThere = false;
      await silences.change(id, (known) => {
        wasThere = known !== null;
        return null;
      });
      return wasThere;
    },
  };
}
