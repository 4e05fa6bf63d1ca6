import type { MetricRecorder } from '../infra/metric-table.ts';
import { clipped } from '../messages/bounds.ts';
import type { ReleaseOutcomes } from '../releases/releases.types.ts';
import { defineActor } from '../runtime/actor.ts';
import type { ReleaseReport } from './release-reports.types.ts';

export interface ReleaseReportsInit {
  readonly outcomes: ReleaseOutcomes;
  /** A camera could not load this model file; `permanent`: none can. */
  readonly onDetectorFailed: (path: string, message: string, permanent: boolean) => void;
}

/** Takes the outcomes of cameras to the releases of this process. */
export const releaseReportsActor = defineActor<ReleaseReport>()<ReleaseReportsInit>({
  kind: 'release-reports',
  // Each camera sends two or three a minute, and one for each incident.
  mailbox: { capacity: 5_000, overflow: 'drop-oldest' },
  start: (ctx, { outcomes, onDetectorFailed }) => {
    const metrics: MetricRecorder = ctx.metrics;
    return {
      handlers: {
        outcome: ({ outcome }) => outcomes.tell(outcome),
        'detector-failed': ({ cameraId, model, path, message, permanent }) => {
          metrics.inc('release_detector_failures_total', 1);
          ctx.log.error(
            { cameraId, model, path },
            `camera ${cameraId} goes on with its present detector: ${model} could not be loaded: ${message}`,
          );
          onDetectorFailed(path, clipped(message), permanent);
        },
      },
    };
  },
});
