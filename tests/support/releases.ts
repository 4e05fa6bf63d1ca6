import { randomUUID } from 'node:crypto';
import {
  type Judgement,
  type Release,
  ReleaseBudget,
  ReleaseLimits,
  type ReleaseOutcome,
} from '../../src/messages/release.ts';
import type { ReleaseOrder } from '../../src/releases/transitions.ts';

export const orderOf = (releaseId: string, more: Partial<ReleaseOrder> = {}): ReleaseOrder => ({
  releaseId,
  changes: { model: `model-of-${releaseId}` },
  mode: 'share',
  by: 'group',
  percent: 10,
  budget: ReleaseBudget.parse({}),
  limits: ReleaseLimits.parse({ minAnswers: 10 }),
  ...more,
});

export const judgementOf = (level: Judgement['level'], more: Partial<Judgement> = {}): Judgement => ({
  level,
  seconds: 1,
  cost: 0.01,
  model: 'm',
  ...more,
});

const AT = '2026-11-28T05:00:00.000Z';
let groups = 0;
const judged = (releaseId: string) => ({
  releaseId,
  cameraId: 'north',
  requestId: randomUUID(),
  groupId: `g-${(groups += 1)}`,
  at: AT,
  cropId: null,
});

export const answerOf = (
  releaseId: string,
  way: 'present' | 'candidate',
  judgement: Judgement,
): Extract<ReleaseOutcome, { type: 'answer' }> => ({ ...judged(releaseId), type: 'answer', way, judgement });

export const pairOf = (
  releaseId: string,
  present: Judgement,
  candidate: Judgement,
): Extract<ReleaseOutcome, { type: 'pair' }> => ({ ...judged(releaseId), type: 'pair', present, candidate });

export type { Release };
