/**
 * A viewer of all cameras' live feed in a process of its own, which notes when each of the model's verdicts is first on
 * its screen. Any message asks it for its record.
 */
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { subscribeToFeed } from '../feed-socket.ts';
import { clockWith } from '../pipeline/clock.ts';
import type { SeenVerdict, ViewerOrder, ViewerRecord } from './orders.ts';

const order: ViewerOrder = JSON.parse(process.argv[2] ?? '');
const now = clockWith(order.offset);
/** By frame and group. */
const verdicts = new Map<string, SeenVerdict>();
const firsts = new Map<string, ViewerRecord['firsts'][number]>();
let unknown = 0;
let missing = 0;
let aggregates = 0;

await subscribeToFeed(order.url, (text) => {
  const at = now();
  const message: { type: string; data: Aggregate } = JSON.parse(text);
  if (message.type === 'detection_result' && message.data.cameraId.startsWith(order.prefix)) note(message.data, at);
});
process.on('message', () => {
  const record: ViewerRecord = {
    verdicts: [...verdicts.values()],
    firsts: [...firsts.values()],
    unknown,
    missing,
    aggregates,
  };
  process.send?.(record);
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');

function note(
  { cameraId, requestId, timestamp, revision, trafficGroups, riskAssessment }: Aggregate,
  at: number,
): void {
  aggregates += 1;
  if (!firsts.has(requestId)) firsts.set(requestId, { requestId, at, revision });
  const groupIds = new Map(trafficGroups.map(({ groupIndex, groupId }) => [groupIndex, groupId]));
  const told = new Set(riskAssessment.results.map(({ groupIndex }) => groupIndex));
  missing += trafficGroups.filter(({ groupIndex }) => !told.has(groupIndex)).length;
  for (const { groupIndex, riskLevel, source, carried, disputed } of riskAssessment.results) {
    if (riskLevel === 'unknown') unknown += 1;
    const groupId = groupIds.get(groupIndex);
    const key = `${requestId} ${groupIndex}`;
    if (source !== 'vlm' || carried === true || groupId === undefined || verdicts.has(key)) continue;
    const level = disputed?.model ?? riskLevel;
    verdicts.set(key, { cameraId, groupId, requestId, frameAt: Date.parse(timestamp), seenAt: at, level });
  }
}
