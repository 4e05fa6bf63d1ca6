import { createHash, randomUUID } from 'node:crypto';
import type { Bus } from '../infra/bus.ts';
import type { SystemAlert, ToldAlert } from '../messages/monitoring.ts';
import { subjects } from '../messages/subjects.ts';
import type { WebhookJob } from '../messages/webhook.ts';
import type { AlertBoard } from './alert-board.ts';
import { alertKey, isAnnounced } from './alert-engine.ts';
import type { MonitoringConfig } from './monitoring-config.ts';

/** The records of announced alerts, shared by all nodes. `change` rejects `BUS_DOWN`. */
export interface ToldStore {
  readonly entries: ReadonlyMap<string, ToldAlert>;
  change(key: string, change: (known: ToldAlert | null) => ToldAlert | null): Promise<ToldAlert | null>;
}

export interface AlertCallsOptions {
  readonly nodeId: string;
  readonly store: ToldStore;
  readonly bus: Pick<Bus, 'publish'>;
  readonly board: Pick<AlertBoard, 'isPresent'>;
  /** When the engine began, epoch ms: before it had time to find an alert, none counts as over. */
  readonly startedAt: number;
}

/** Alerts announced, or ended, in one go; the others are next. */
const MOST_AT_ONCE = 20;
const SPARE_MS = 60_000;
/** Another node's call that is not confirmed for so long is made again, under the same id. */
const OTHERS_MS = 30_000;
const DAY_MS = 86_400_000;

/**
 * Has webhooks called once when an alert begins to be announced, and once when it is over. A record in NATS says what
 * was announced, so that a restart repeats nothing and several nodes that find the same call once. A call that a crash
 * interrupted is made again under its old id.
 */
export class AlertCalls {
  readonly #options: AlertCallsOptions;
  /** Records whose alert was followed since the engine began. */
  readonly #followed = new Set<string>();

  constructor(options: AlertCallsOptions) {
    this.#options = options;
  }

  /** Brings the records in line with `alerts`, this node's. Rejects `BUS_DOWN`; the next call goes on. */
  async bring(alerts: readonly SystemAlert[], config: MonitoringConfig, now: number): Promise<void> {
    const { entries } = this.#options.store;
    const byKey = new Map(alerts.map((alert) => [recordKey(alert), alert]));
    for (const key of this.#followed) if (!entries.has(key)) this.#followed.delete(key);
    for (const key of byKey.keys()) if (entries.has(key)) this.#followed.add(key);
    const begun = [...byKey].filter(([key, alert]) => isAnnounced(alert) && !this.#isTold(entries.get(key), now));
    for (const [key, alert] of begun.slice(0, MOST_AT_ONCE)) await this.#begin(key, alert, config.hookUrls, now);
    const over = [...entries].filter(([key, record]) => !byKey.has(key) && this.#isOver(key, record, config, now));
    for (const [key, record] of over.slice(0, MOST_AT_ONCE)) await this.#end(key, record, config.hookUrls, now);
  }

  #isTold(record: ToldAlert | undefined, now: number): boolean {
    if (record === undefined) return false;
    const age = now - Date.parse(record.at);
    // Records expire; that of an alert which goes on for days must not.
    if (record.stage === 'told') return age < DAY_MS;
    return record.node !== this.#options.nodeId && age < OTHERS_MS;
  }

  /** Of one's own, and of shared ones whose node is gone; not before the engine had time to find it again. */
  #isOver(key: string, { node, alert }: ToldAlert, { rules }: MonitoringConfig, now: number): boolean {
    const { nodeId, board, startedAt } = this.#options;
    const mine = node === nodeId || (alert.shared && !board.isPresent(node, now));
    const rule = rules.find(({ name }) => name === alert.rule);
    if (mine && this.#followed.has(key)) return true;
    return mine && (rule === undefined || now - startedAt > rule.forSeconds * 1_000 + SPARE_MS);
  }

  async #begin(key: string, alert: SystemAlert, urls: readonly string[], now: number): Promise<void> {
    const { store, nodeId } = this.#options;
    const at = new Date(now).toISOString();
    const opened: ToldAlert = { id: randomUUID(), node: nodeId, alert, stage: 'opened', at };
    // One that was just ending begins anew.
    const record = await store.change(key, (known) => (known === null || known.stage === 'ending' ? opened : known));
    if (record === null) return;
    if (record.stage !== 'told') await this.#call('firing', record, urls);
    await store.change(key, (known) => (known === null ? null : { ...known, stage: 'told', at }));
  }

  async #end(key: string, record: ToldAlert, urls: readonly string[], now: number): Promise<void> {
    const { store } = this.#options;
    const at = new Date(now).toISOString();
    const ending = await store.change(key, (known) =>
      known === null || known.id !== record.id ? known : { ...known, stage: 'ending', at },
    );
    if (ending?.stage !== 'ending') return;
    await this.#call('resolved', ending, urls);
    await store.change(key, (known) => (known?.id === record.id ? null : known));
  }

  async #call(event: 'firing' | 'resolved', { id, alert, at }: ToldAlert, urls: readonly string[]): Promise<void> {
    const { bus } = this.#options;
    for (const [index, url] of urls.entries()) {
      const callId = `monitoring-${id}-${event}-${index}`;
      const body = JSON.stringify({ type: 'monitoring', id: callId, data: { event, alert } });
      const job: WebhookJob = { id: callId, kind: 'monitoring', url, createdAt: at, assessmentId: null, body };
      const trace = { cameraId: alert.cameraId ?? '~', requestId: id, traceId: id.replaceAll('-', '') };
      await bus.publish(subjects.webhook('monitoring'), job, trace, callId);
    }
  }
}

/** The key of an alert's record: one part of a NATS subject. */
export const recordKey = (alert: SystemAlert): string =>
  createHash('sha256').update(alertKey(alert)).digest('base64url').slice(0, 22);
