import { z } from 'zod';
import type { Bus } from '../infra/bus.ts';
import { MissingGroup } from '../messages/aggregate.ts';
import { RulesReason } from '../messages/assessment.ts';
import { MOST } from '../messages/bounds.ts';
import { CameraId, RequestId } from '../messages/ids.ts';
import { subjects } from '../messages/subjects.ts';

/** Frames remembered, so that a revision counts no group again. */
const REMEMBERED = 4_096;

/** The fields of an aggregate that count shed groups. */
const Unanswered = z.object({
  cameraId: CameraId,
  requestId: RequestId,
  riskAssessment: z.object({
    missingGroups: z.array(MissingGroup).max(MOST.groups),
    results: z.array(z.object({ groupIndex: z.int().min(1), reason: RulesReason.optional() })).max(MOST.groups),
  }),
});
type Unanswered = z.infer<typeof Unanswered>;

/**
 * Calls `tell` once for each group that the model did not assess for lack of room or time. Returns a function that ends
 * it.
 */
export function followShedGroups(
  bus: Pick<Bus, 'subscribe'>,
  tell: (cameraId: CameraId, groups: number) => void,
): () => void {
  const shed = new ShedGroups();
  return bus.subscribe(subjects.aggregates, Unanswered, (aggregate) => {
    const groups = shed.of(aggregate);
    if (groups > 0) tell(aggregate.cameraId, groups);
  });
}

/** Counts shed groups, each once over all revisions of its frame. Pure. */
export class ShedGroups {
  readonly #counted = new Map<string, Set<number>>();

  /** Number of this aggregate's shed groups that were not counted before. */
  of({ requestId, riskAssessment }: Unanswered): number {
    const shed = [...riskAssessment.missingGroups, ...riskAssessment.results]
      .filter(({ reason }) => reason === 'shed' || reason === 'expired')
      .map(({ groupIndex }) => groupIndex);
    if (shed.length === 0) return 0;
    const counted = this.#counted.get(requestId) ?? new Set();
    const fresh = shed.filter((group) => !counted.has(group));
    for (const group of fresh) counted.add(group);
    this.#counted.set(requestId, counted);
    if (this.#counted.size > REMEMBERED) this.#counted.delete(this.#counted.keys().next().value ?? '');
    return fresh.length;
  }
}
