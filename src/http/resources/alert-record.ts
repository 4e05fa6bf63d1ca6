import type { Aggregate } from '../../messages/aggregate.ts';
import type { AlertHandling } from '../../messages/alert-handling.ts';
import { imageMadeAt } from '../../messages/ids.ts';
import type { ClipRecord } from '../../messages/wanted.ts';
import type { AlertRecord } from '../schemas/alert-record-schema.ts';

/** A clip is still awaited until its alert's frame is so old. */
const AWAITED_MS = 20_000;

export interface RecordContext {
  readonly basePath: string;
  readonly now: number;
  readonly handling: AlertHandling;
  readonly shelved: boolean;
}

/** All that is kept about an alert, as one record. `basePath` is put before every address. Pure. */
export const alertRecord = (
  alert: Aggregate,
  clip: ClipRecord | null,
  { basePath, now, handling, shelved }: RecordContext,
): AlertRecord => ({
  alert,
  clip: clipOf(alert, clip, basePath, now),
  pictures: picturesOf(alert, basePath),
  handling,
  shelved,
  answers: answersOf(alert),
});

function clipOf({ requestId }: Aggregate, clip: ClipRecord | null, basePath: string, now: number): AlertRecord['clip'] {
  const url = `${basePath}/api/alerts/${requestId}/clip.mp4`;
  const none = { url, from: null, to: null, bytes: null };
  if (clip?.outcome === 'stored')
    return { url, state: 'stored', reason: null, from: clip.from, to: clip.to, bytes: clip.bytes };
  if (clip !== null) return { ...none, state: 'none', reason: clip.reason };
  const madeAt = imageMadeAt(requestId);
  const isAwaited = madeAt !== null && now >= madeAt && now - madeAt < AWAITED_MS;
  return isAwaited
    ? { ...none, state: 'awaited', reason: null }
    : { ...none, state: 'none', reason: 'it was never made, or is no longer kept' };
}

function picturesOf({ imageId, trafficGroups, incidents }: Aggregate, basePath: string): AlertRecord['pictures'] {
  const subjects = [
    { imageId, groupId: null, incidentId: null },
    ...trafficGroups.map(({ cropId, groupId }) => ({ imageId: cropId, groupId, incidentId: null })),
    ...incidents.map(({ cropId, incidentId }) => ({ imageId: cropId, groupId: null, incidentId })),
  ];
  return subjects.flatMap(({ imageId: id, ...of }) =>
    id === null ? [] : [{ imageId: id, url: `${basePath}/api/images/${id}`, ...of }],
  );
}

function answersOf({ riskAssessment, trafficGroups, incidents, llmModel }: Aggregate): AlertRecord['answers'] {
  const ofGroups = riskAssessment.results
    .filter(({ source }) => source === 'vlm')
    .map((result) => ({
      groupId: trafficGroups.find(({ groupIndex }) => groupIndex === result.groupIndex)?.groupId ?? null,
      incidentId: null,
      level: result.disputed?.model ?? result.riskLevel,
      confidence: result.confidence,
      description: result.description,
      model: llmModel,
      promptHash: result.promptHash ?? null,
      assessedAt: result.assessedAt ?? null,
      reply: result.reply ?? null,
      spent: result.spent ?? null,
    }));
  const ofIncidents = incidents.flatMap(({ incidentId, verdict }) =>
    verdict.modelLevel === undefined
      ? []
      : [
          {
            groupId: null,
            incidentId,
            level: verdict.modelLevel,
            confidence: verdict.confidence ?? null,
            description: verdict.description,
            model: verdict.model ?? null,
            promptHash: verdict.promptHash ?? null,
            assessedAt: verdict.assessedAt ?? null,
            reply: verdict.reply ?? null,
            spent: verdict.spent ?? null,
          },
        ],
  );
  return [...ofGroups, ...ofIncidents];
}
