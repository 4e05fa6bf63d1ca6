/** Bounds how many values a label takes: each distinct one is a time series that Prometheus keeps. */
export interface LabelLimit {
  /** `value` itself, or `other` when `label` has all the values it may have. */
  (label: string, value: string): string;
  /** Frees the place of a value. */
  forget(label: string, value: string): void;
}

/** @param max distinct values for each label, at least 1 */
export function labelLimit(max: number): LabelLimit {
  const values = new Map<string, Set<string>>();
  const limit = (label: string, value: string): string => {
    let known = values.get(label);
    if (known === undefined) values.set(label, (known = new Set()));
    if (known.has(value)) return value;
    if (known.size >= max) return 'other';
    known.add(value);
    return value;
  };
  return Object.assign(limit, {
    forget: (label: string, value: string) => {
      values.get(label)?.delete(value);
    },
  });
}
