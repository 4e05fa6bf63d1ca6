import type { MeasuredIncident } from '../messages/incident.ts';
import type { PublishedGroup } from '../messages/detection.ts';
import { priorOfIncident } from './incident-prior.ts';

/** A prior higher by this much than at the last answer makes an incident more severe. */
const MORE_SEVERE = 0.1;

/** The model's last answer about an incident, or the last question: time of its frame (epoch ms) and prior then. */
export interface AskedBefore {
  readonly at: number;
  readonly prior: number;
}

/** Whether the incident is more severe than it was then. */
export const isMoreSevere = (incident: MeasuredIncident, before: Pick<AskedBefore, 'prior'>): boolean =>
  priorOfIncident(incident).value >= before.prior + MORE_SEVERE;

/**
 * Whether an answer about this incident is wanted: there is none yet, it has become more severe, or it goes on and the
 * answer is older than `recheckMs`. The task generator and the aggregator both decide by it. Pure.
 *
 * @param answered the model's last answer; null: there is none
 * @param frameAt time of the frame, epoch ms
 */
export function isWorthAsking(
  incident: MeasuredIncident,
  answered: AskedBefore | null,
  frameAt: number,
  recheckMs: number,
): boolean {
  if (incident.mergedInto !== undefined || incident.objects.length === 0) return false;
  if (answered === null || isMoreSevere(incident, answered)) return true;
  return incident.state === 'open' && frameAt - answered.at >= recheckMs;
}

/** Whether one of these incidents, about each of which an answer is wanted, has all members of the group. */
export const isCovered = (
  { memberIndices }: Pick<PublishedGroup, 'memberIndices'>,
  wanted: readonly MeasuredIncident[],
): boolean =>
  wanted.some(({ objects }) => {
    const those = new Set(objects);
    return memberIndices.every((index) => those.has(index));
  });
