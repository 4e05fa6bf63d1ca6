import type { ReleaseOutcome } from '../messages/release.ts';
import { subjects } from '../messages/subjects.ts';
import type { ActorLog } from '../runtime/actor.ts';
import type { Clock } from '../runtime/clock.ts';
import { Ring } from '../runtime/ring.ts';
import type { Bus } from './bus.ts';
import { LineLimit } from './line-limit.ts';
import type { MetricRecorder } from './metric-table.ts';
import { Sender } from './stage-sender.ts';

export interface OutcomeSenderOptions {
  readonly bus: Pick<Bus, 'publish'>;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly metrics: Pick<MetricRecorder, 'inc'>;
}

/** Outcomes that wait while NATS is down, of 600 bytes each. */
const CAPACITY = 2_000;
const WINDOW = 16;
const FLUSH_MS = 1_000;
const LOG_EVERY_MS = 10_000;

/** Stores outcomes in the stream RELEASE_OUTCOMES. A judgement never waits for it; lost ones are counted. */
export class OutcomeSender {
  readonly #options: OutcomeSenderOptions;
  readonly #waiting = new Ring<ReleaseOutcome>();
  readonly #sender: Sender<ReleaseOutcome>;
  readonly #lines = new LineLimit(LOG_EVERY_MS);

  constructor(options: OutcomeSenderOptions) {
    this.#options = options;
    const { bus, clock } = options;
    this.#sender = new Sender<ReleaseOutcome>({
      clock,
      window: WINDOW,
      waiting: () => this.#waiting.size,
      next: () => this.#waiting.shift() ?? null,
      send: async (outcome) => {
        const { releaseId } = outcome;
        // Some outcomes are about no frame, or about a whole process.
        const cameraId = outcome.type === 'detector-failed' ? outcome.nodeId : outcome.cameraId;
        const requestId = 'requestId' in outcome ? outcome.requestId : releaseId;
        const trace = { cameraId, requestId, traceId: requestId.replaceAll('-', '') };
        await bus.publish(subjects.releaseOutcome(releaseId), outcome, trace, outcomeId(outcome));
      },
      onRefused: (_, error) => this.#lose('refused', 1, error.message),
    });
  }

  /** Outcomes that are not stored yet. */
  get waiting(): number {
    return this.#sender.size;
  }

  /** Never throws or waits. */
  tell(outcome: ReleaseOutcome): void {
    if (this.#sender.ended) this.#lose('stopped', 1, 'Gantry stops');
    else if (this.waiting >= CAPACITY) this.#lose('full', 1, `${CAPACITY} wait for NATS already`);
    else {
      this.#waiting.push(outcome);
      this.#sender.pump();
    }
  }

  /** Stores the outcomes that wait, for at most a second. */
  async stop(): Promise<void> {
    await this.#sender.stop(FLUSH_MS);
    if (this.waiting > 0) this.#lose('stopped', this.waiting, 'Gantry stopped');
  }

  #lose(reason: 'full' | 'refused' | 'stopped', count: number, why: string): void {
    this.#options.metrics.inc('release_outcomes_dropped_total', count, { reason });
    if (this.#lines.mayLog())
      this.#options.log.warn({ reason, count }, `outcomes of a release are missing in its figures: ${why}`);
  }
}

/** The same for one outcome however often it is told. */
export function outcomeId(outcome: ReleaseOutcome): string {
  const { type, releaseId } = outcome;
  if (type === 'detector-failed') return `${releaseId}:${type}:${outcome.createdAt}:${outcome.nodeId}`;
  if (type === 'pictures') return `${releaseId}:${type}:${outcome.way}:${outcome.cameraId}:${outcome.at}`;
  const about = `${releaseId}:${type}:${outcome.requestId}:${outcome.groupId}`;
  return type === 'answer' ? `${about}:${outcome.way}` : about;
}
