/** The difference between two JSON values, line by line. Pure. */

export interface DifferenceLine {
  /** Names with dots between, e.g. `scene.zones.0.name`; empty for the value itself. */
  readonly path: string;
  /** As JSON; null: absent. */
  readonly before: string | null;
  readonly after: string | null;
}

/** Lines of a difference that are given at most. */
export const MOST_LINES = 200;

/** The fields that differ, in the order of `before`, then those that are new. Cut after {@link MOST_LINES}. */
export function differenceOf(before: unknown, after: unknown): readonly DifferenceLine[] {
  const [old, next] = [leavesOf(before), leavesOf(after)];
  return [...new Set([...old.keys(), ...next.keys()])]
    .map((path) => ({ path, before: old.get(path) ?? null, after: next.get(path) ?? null }))
    .filter((line) => line.before !== line.after)
    .slice(0, MOST_LINES);
}

/** Each value that is no object or list, by its path; empty objects and lists too. Null has none: nothing is there. */
function leavesOf(value: unknown): ReadonlyMap<string, string> {
  const leaves = new Map<string, string>();
  const visit = (path: string, part: unknown): void => {
    if (typeof part !== 'object' || part === null) leaves.set(path, JSON.stringify(part) ?? '');
    else {
      const fields = Object.entries(part);
      if (fields.length === 0) leaves.set(path, Array.isArray(part) ? '[]' : '{}');
      for (const [name, field] of fields) visit(path === '' ? name : `${path}.${name}`, field);
    }
  };
  if (value !== null && value !== undefined) visit('', value);
  return leaves;
}
