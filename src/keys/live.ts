/** How a change of the configuration affects keys and budgets. Pure. */
import { budgetOf, sameAccess } from './account.ts';
import type { KeySpec } from './key-config.ts';
import type { BudgetLimits } from './limits.ts';
import { evenPacing, qpsAndRpm, type WindowLimit } from './sliding-windows.ts';

export const limitsOf = (spec: KeySpec): readonly WindowLimit[] => [
  ...qpsAndRpm(spec.qpsLimit, spec.rpmLimit),
  ...(spec.pacing === 'even' ? [evenPacing(spec.rpmLimit)] : []),
];

/** Limits of the budget this key draws on; `guardMs`: the least guard that the windows keep from every call. */
export const budgetLimits = (spec: KeySpec, guardMs: number): BudgetLimits => ({
  windows: limitsOf(spec),
  tokens: spec.tpmLimit,
  guardMs,
});

/** Names of keys added, removed, and changed in some field. */
export function changesOf(
  before: readonly KeySpec[],
  after: readonly KeySpec[],
): { readonly added: string[]; readonly removed: string[]; readonly changed: string[] } {
  const old = new Map(before.map((spec) => [spec.name, spec]));
  const names = new Set(after.map((spec) => spec.name));
  return {
    added: after.filter((spec) => !old.has(spec.name)).map((spec) => spec.name),
    removed: before.filter((spec) => !names.has(spec.name)).map((spec) => spec.name),
    changed: after.flatMap((spec) => {
      const earlier = old.get(spec.name);
      return earlier !== undefined && !same(earlier, spec) ? [spec.name] : [];
    }),
  };
}

/**
 * Budgets whose spending has to be counted in another one now: the key (known by its name, or by its secret under a new
 * name) drew on `from` and draws on `to`. What it spent there may count at the provider against the new budget.
 */
export function movesOf(
  before: readonly KeySpec[],
  after: readonly KeySpec[],
): readonly { readonly from: KeySpec; readonly to: KeySpec }[] {
  const moves = new Map<string, { from: KeySpec; to: KeySpec }>();
  for (const to of after) {
    for (const from of before) {
      if (budgetOf(from) === budgetOf(to) || !(from.name === to.name || sameAccess(from, to))) continue;
      moves.set(`${budgetOf(from)}>${budgetOf(to)}`, { from, to });
    }
  }
  return [...moves.values()];
}

const same = (a: KeySpec, b: KeySpec): boolean =>
  JSON.stringify({ ...a, secret: a.secret.reveal() }) === JSON.stringify({ ...b, secret: b.secret.reveal() });
