/** A viewer of all cameras' live feed in a process of its own, which notes when each message arrives. */
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { FeedMessage } from '../../src/messages/feed.ts';
import { subscribeToFeed } from '../feed-socket.ts';
import { clockWith } from '../pipeline/clock.ts';
import { cameraOf } from './loop.ts';
import type { SeenFrame, ViewerBatch, ViewerOrder } from './orders.ts';

const order: ViewerOrder = JSON.parse(process.argv[2] ?? '');
const now = clockWith(order.offset);
const REPORT_MS = 500;

const emptyBatch = (): ViewerBatch => ({ frames: [], alerts: 0, skipped: 0 });
let batch = emptyBatch();
await subscribeToFeed(order.url, (text) => {
  const at = now();
  const message: FeedMessage = JSON.parse(text);
  if (message.type === 'lag') batch.skipped += message.data.framesSkipped;
  else if (message.type === 'alert') batch.alerts += 1;
  else if (message.type === 'detection_result') batch.frames.push(...seenFrame(message.data, at));
});
setInterval(report, REPORT_MS);
process.on('disconnect', () => process.exit(0));
process.send?.('ready');

function seenFrame(aggregate: Aggregate, at: number): SeenFrame[] {
  const camera = cameraOf(aggregate.cameraId);
  if (camera === null) return [];
  const counts: Record<string, number> = {};
  if (aggregate.revision === 0)
    for (const { class: name } of aggregate.detectedObjects) counts[name] = (counts[name] ?? 0) + 1;
  const { results } = aggregate.riskAssessment;
  return [
    {
      camera,
      requestId: aggregate.requestId,
      timestamp: Date.parse(aggregate.timestamp),
      at,
      revision: aggregate.revision,
      groups: aggregate.trafficGroups.length,
      judged: results.flatMap(({ groupIndex, source, carried, riskLevel }) =>
        source === 'vlm' && carried !== true && riskLevel !== 'unknown' ? [groupIndex] : [],
      ),
      unknown: results.filter(({ riskLevel }) => riskLevel === 'unknown').length,
      counts,
    },
  ];
}

function report(): void {
  process.send?.(batch);
  batch = emptyBatch();
}
