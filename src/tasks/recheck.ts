import type { PublishedGroup } from '../messages/detection.ts';

/**
 * Whether the model's last answer still holds for this group, so that no call is spent on it: nothing has changed since
 * the assessed frame, and that is not too long ago. The task generator and the aggregator both decide by it. Pure.
 *
 * @param assessedAt time of the frame that the model assessed, epoch ms; null when it never did
 * @param frameAt time of the group's frame, epoch ms
 */
export const stillAnswered = (
  { unchangedSince }: Pick<PublishedGroup, 'unchangedSince'>,
  assessedAt: number | null,
  frameAt: number,
  recheckMs: number,
): boolean =>
  assessedAt !== null &&
  unchangedSince !== undefined &&
  Date.parse(unchangedSince) <= assessedAt &&
  frameAt - assessedAt < recheckMs;
