import { randomUUID } from 'node:crypto';
import type { AuditEntry } from '../messages/audit.ts';
import { subjects } from '../messages/subjects.ts';
import type { ActorLog } from '../runtime/actor.ts';
import type { Clock } from '../runtime/clock.ts';
import { Ring } from '../runtime/ring.ts';
import type { Bus } from './bus.ts';
import { LineLimit } from './line-limit.ts';
import type { MetricRecorder } from './metric-table.ts';
import { Sender } from './stage-sender.ts';

export interface AuditLogOptions {
  readonly bus: Pick<Bus, 'publish' | 'state'>;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly metrics: Pick<MetricRecorder, 'inc'>;
}

/** Why an entry was not stored. */
type Loss = 'full' | 'refused' | 'too-many' | 'stopped';

interface Item {
  readonly id: string;
  readonly entry: AuditEntry;
}

/** Entries that wait while NATS is down: 17 MB where all are as large as can be. */
const CAPACITY = 1_000;
const FLUSH_MS = 2_000;
const LOG_EVERY_MS = 1_000;
/** Entries still on their way after this long are told of. */
const LATE_MS = 10_000;
/** Strangers choose the number of these: without a bound they would drive everything else out of the stream. */
const BY_STRANGERS = 'login.failed';
const MOST_BY_STRANGERS = 30;
const HOUR_MS = 3_600_000;

/**
 * Stores entries in the stream AUDIT, in order. While NATS is down they wait, and a change never waits for its entry.
 * An entry that cannot be stored is counted, logged in full and told of in health.
 */
export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #waiting = new Ring<Item>();
  readonly #sender: Sender<Item>;
  readonly #lines = new LineLimit(LOG_EVERY_MS);
  #underWay: Item | null = null;
  #lost = 0;
  #lastLostAt: string | null = null;
  #downSince: number | null = null;
  #strangers = { hour: 0, entries: 0 };

  constructor(options: AuditLogOptions) {
    this.#options = options;
    const { clock, log } = options;
    this.#sender = new Sender<Item>({
      clock,
      window: 1,
      waiting: () => this.#waiting.size,
      next: () => this.#waiting.shift() ?? null,
      send: (item) => this.#store(item),
      onRefused: ({ entry }, error) => {
        this.#underWay = null;
        this.#lose(entry, 'refused', error.message);
      },
      onDown: (error) => {
        this.#downSince = clock.now();
        log.warn({ waiting: this.waiting, err: error.message }, `audit entries wait for NATS: ${error.message}`);
      },
      onUp: () => {
        this.#downSince = null;
        log.info({ waiting: this.waiting, lost: this.#lost }, 'audit entries are stored again');
      },
    });
  }

  /** Entries that are not stored yet. */
  get waiting(): number {
    return this.#sender.size;
  }

  /** Takes an entry to store. Never throws. */
  record(entry: AuditEntry): void {
    if (this.#sender.ended) this.#lose(entry, 'stopped', 'Gantry stops');
    else if (!this.#mayRecord(entry)) this.#lose(entry, 'too-many', 'too many logins were refused in this hour');
    else if (this.waiting >= CAPACITY) this.#lose(entry, 'full', `${CAPACITY} entries wait for NATS already`);
    else {
      this.#waiting.push({ id: randomUUID(), entry });
      this.#sender.pump();
    }
  }

  /** For health; none while entries are stored. */
  notices(): readonly string[] {
    const late = this.#downSince !== null && this.#options.clock.now() - this.#downSince >= LATE_MS;
    return [
      ...(late ? [`${this.waiting} audit entries wait for NATS; they are lost if Gantry is killed before`] : []),
      ...(this.#lost === 0
        ? []
        : [`${this.#lost} audit entries could not be stored, the last at ${this.#lastLostAt}; the log has them`]),
    ];
  }

  /** Stores what waits, for at most two seconds. */
  async stop(): Promise<void> {
    await this.#sender.stop(FLUSH_MS);
    for (let item = this.#underWay ?? this.#waiting.shift(); item !== undefined; item = this.#waiting.shift())
      this.#lose(item.entry, 'stopped', `NATS is ${this.#options.bus.state()}`);
  }

  async #store(item: Item): Promise<void> {
    this.#underWay = item;
    const { id, entry } = item;
    const { cameraId, action } = entry;
    const trace = { cameraId: cameraId ?? '', requestId: id, traceId: id.replaceAll('-', '') };
    await this.#options.bus.publish(subjects.audit(cameraId, action), entry, trace, id);
    this.#underWay = null;
  }

  #mayRecord({ action }: AuditEntry): boolean {
    if (action !== BY_STRANGERS) return true;
    const hour = Math.floor(this.#options.clock.now() / HOUR_MS);
    if (hour !== this.#strangers.hour) this.#strangers = { hour, entries: 0 };
    this.#strangers.entries += 1;
    return this.#strangers.entries <= MOST_BY_STRANGERS;
  }

  #lose(entry: AuditEntry, reason: Loss, why: string): void {
    this.#options.metrics.inc('audit_lost_total', 1, { reason });
    // Refused logins are counted, and no reason to call an operator.
    if (reason !== 'too-many') {
      this.#lost += 1;
      this.#lastLostAt = entry.at;
    } else if (!this.#lines.mayLog()) return;
    this.#options.log.error(
      { audit: entry, reason },
      `the audit entry ${entry.action} of ${entry.target} by ${entry.who} is not stored: ${why}`,
    );
  }
}
