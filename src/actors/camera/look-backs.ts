import type { MetricRecorder } from '../../infra/metric-table.ts';
import type { ActorContext } from '../../runtime/actor.ts';
import type { BurstWish } from '../../watch/watch.types.ts';
import { INGEST } from '../ingest.types.ts';

/** Longest that an answer may take after the last wanted moment, in ms: the decoders have 15 s, the window 3 s. */
const ANSWER_MS = 20_000;

/** Asks the ingest for the look-backs that a camera wishes for, one at a time. What comes of them is counted. */
export class LookBacks {
  readonly #ctx: Pick<ActorContext<never>, 'ref' | 'clock' | 'metrics'>;
  readonly #cameraId: string;
  #isAsking = false;

  constructor(ctx: Pick<ActorContext<never>, 'ref' | 'clock' | 'metrics'>, cameraId: string) {
    this.#ctx = ctx;
    this.#cameraId = cameraId;
  }

  /** Its pictures come as those of the stream do. A wish while another is being met is not asked for. */
  ask({ from, to, fps }: BurstWish): void {
    const metrics: MetricRecorder = this.#ctx.metrics;
    metrics.inc('burst_pictures_wanted_total', Math.floor(((to - from) / 1_000) * fps) + 1);
    if (this.#isAsking) {
      metrics.inc('burst_wishes_total', 1, { outcome: 'busy' });
      return;
    }
    this.#isAsking = true;
    const timeoutMs = Math.max(0, to - this.#ctx.clock.now()) + ANSWER_MS;
    const settle = (outcome: 'answered' | 'refused'): void => {
      this.#isAsking = false;
      metrics.inc('burst_wishes_total', 1, { outcome });
    };
    this.#ctx
      .ref(INGEST)
      .ask({ type: 'burst', cameraId: this.#cameraId, from, to, fps }, { timeoutMs })
      .then(
        () => settle('answered'),
        () => settle('refused'),
      );
  }
}
