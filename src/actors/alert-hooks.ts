import type { Bus } from '../infra/bus.ts';
import type { Aggregate } from '../messages/aggregate.ts';
import { MOST } from '../messages/bounds.ts';
import { subjects } from '../messages/subjects.ts';
import type { WebhookJob } from '../messages/webhook.ts';

/**
 * Has every URL called with an alert. The ids are the alert's own, so that a revision, or a repetition after a crash,
 * is the same call. Rejects `BUS_DOWN`.
 */
export async function callAlertHooks(
  bus: Pick<Bus, 'publish'>,
  urls: readonly string[],
  alert: Aggregate,
): Promise<void> {
  const { cameraId, requestId, traceId, publishedAt } = alert;
  for (const [index, url] of urls.entries()) {
    const id = `alert-${requestId}-${index}`;
    const whole = JSON.stringify({ type: 'alert', id, data: alert });
    // Beyond what any real frame has: the assessment matters here, and the API has the rest.
    const body = whole.length <= MOST.hookBody ? whole : JSON.stringify({ type: 'alert', id, data: briefly(alert) });
    const job: WebhookJob = { id, kind: 'alert', url, createdAt: publishedAt, assessmentId: null, body };
    await bus.publish(subjects.webhook('alert'), job, { cameraId, requestId, traceId }, id);
  }
}

const briefly = (alert: Aggregate): Aggregate => ({
  ...alert,
  detectedObjects: [],
  trafficGroups: [],
  incidents: alert.incidents.map(({ trajectories: _ways, ...incident }) => incident),
});
