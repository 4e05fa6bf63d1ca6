import type { Bus } from '../infra/bus.ts';
import { Stage } from '../infra/stage.ts';
import type { Handle } from '../infra/stage-processor.ts';
import { Aggregate } from '../messages/aggregate.ts';
import type { AlertPlace } from '../messages/alert-place.ts';
import { consumers, streams, subjects } from '../messages/subjects.ts';
import { defineActor } from '../runtime/actor.ts';

export interface AlertIndexInit {
  readonly bus: Bus;
}

const FLUSH_MS = 1_000;

/** Notes where each alert is, by its id and by those of its incidents, so that it is found among those of 30 days. */
export const alertIndexActor = defineActor<never>()<AlertIndexInit>({
  kind: 'alert-index',
  mailbox: { capacity: 100, overflow: 'refuse' },
  start: (ctx, { bus }) => {
    const counts = { alerts: 0 };

    const handle: Handle<Aggregate> = ({ body: { cameraId, requestId, traceId, incidents }, seq }) => {
      counts.alerts += 1;
      const own = incidents.filter(({ alertId }) => alertId === requestId);
      const place: AlertPlace = { cameraId, requestId, seq };
      const messages = [requestId, ...own.map(({ incidentId }) => incidentId)].map((name) => ({
        subject: subjects.alertPlace(name),
        body: place,
        trace: { cameraId, requestId, traceId },
        id: `${name} ${seq}`,
      }));
      return { kind: 'publish', messages };
    };

    const stage = new Stage({
      ctx,
      bus,
      stream: streams.alerts,
      durable: consumers.alertIndex,
      parser: Aggregate,
      inFlight: 8,
      handle,
      onSettled: () => ctx.report(counts),
    });

    return { handlers: {}, stop: () => stage.stop(FLUSH_MS) };
  },
});
