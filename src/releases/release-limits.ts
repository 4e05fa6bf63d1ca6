import type { ReleaseLimits } from '../messages/release.ts';
import type { ReleaseFigures } from './release-figures.ts';
import { share } from './tally.ts';

/**
 * The limit that a release breaks, as its reason for the way back, e.g.
 * `limit: unknownShare 0.31 > 0.1 over 120 judgements`; null while it breaks none. A limit counts from `minAnswers`
 * judgements of the candidate on, by the newest of them: at least `minAnswers`, at most twice as many. Pure.
 */
export function brokenLimit(limits: ReleaseLimits, figures: ReleaseFigures): string | null {
  const { candidate, pairs, same } = figures.recent();
  const { minAnswers } = limits;
  if (candidate.judgements < minAnswers) return null;
  const { present } = figures;
  const presentCost = present.judgements < minAnswers ? null : present.costPerJudgement;
  const checks: readonly (readonly [name: string, seen: number | null, limit: number | undefined, isLeast?: true])[] = [
    ['unknownShare', candidate.unknownShare, limits.unknownShare],
    ['failedShare', candidate.failedShare, limits.failedShare],
    [
      'latencyP95Seconds',
      limits.latencyP95Seconds === undefined ? null : candidate.latency(0.95),
      limits.latencyP95Seconds,
    ],
    ['costRatio', presentCost === null ? null : share(candidate.costPerJudgement ?? 0, presentCost), limits.costRatio],
    ['agreement', pairs < minAnswers ? null : same / pairs, limits.agreement, true],
  ];
  for (const [name, seen, limit, isLeast] of checks) {
    if (seen === null || limit === undefined || (isLeast === true ? seen >= limit : seen <= limit)) continue;
    const sign = isLeast === true ? '<' : '>';
    return `limit: ${name} ${rounded(seen)} ${sign} ${limit} over ${candidate.judgements} judgements`;
  }
  return null;
}

const rounded = (value: number): number => Number(value.toPrecision(3));
