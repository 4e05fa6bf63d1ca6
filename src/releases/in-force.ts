import type { Release, ReleaseChanges } from '../messages/release.ts';
import type { InForce } from './releases.types.ts';

/** The promoted releases' changes in the order of their promotion, and the release that runs. Pure. */
export function inForce(releases: Iterable<Release>): InForce {
  const all = [...releases].toSorted(byChange);
  const present = all
    .filter(({ state }) => state === 'promoted')
    .reduce<ReleaseChanges>((changes, release) => changesOver(changes, release.changes), {});
  return { present, running: all.findLast(({ state }) => state === 'running') ?? null };
}

/**
 * `changes` on top of earlier ones. Texts and thresholds of single kinds replace those of the same kind only. A model
 * comes with its keys: one that names none may be called with any. Pure.
 */
export function changesOver(before: ReleaseChanges, changes: ReleaseChanges): ReleaseChanges {
  const over: ReleaseChanges = { ...before, ...changes };
  if (changes.model !== undefined && changes.keys === undefined) delete over.keys;
  if (before.prompts !== undefined && changes.prompts !== undefined) {
    over.prompts = { ...before.prompts, ...changes.prompts };
    if (before.prompts.kinds !== undefined && changes.prompts.kinds !== undefined)
      over.prompts.kinds = { ...before.prompts.kinds, ...changes.prompts.kinds };
  }
  if (before.thresholds !== undefined && changes.thresholds !== undefined)
    over.thresholds = thresholdsOver(before.thresholds, changes.thresholds);
  return over;
}

type Thresholds = NonNullable<ReleaseChanges['thresholds']>;

const thresholdsOver = (before: Thresholds, changes: Thresholds): Thresholds => {
  const over: Thresholds = { ...before };
  for (const kind of Object.keys(changes) as (keyof Thresholds)[])
    Object.assign(over, { [kind]: { ...before[kind], ...changes[kind] } });
  return over;
};

/** Oldest first; ids decide between changes of the same millisecond, so that all nodes agree. */
export const byChange = (a: Release, b: Release): number =>
  Date.parse(a.changedAt) - Date.parse(b.changedAt) || (a.releaseId < b.releaseId ? -1 : 1);
