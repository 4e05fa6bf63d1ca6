import type { LabelName } from './metric-table.ts';

/** Most distinct values of labels that share one bound. */
const MOST = 1_000;

/** A bound on the values of a label, shared by the labels that name the same things. */
interface Bound {
  readonly of: string;
  /** Distinct values at a time. */
  readonly most: number;
}

const bound = (of: string, most = MOST): Bound => ({ of, most });
const CAMERAS = bound('camera');
const MODELS = bound('model', 100);
const KEYS = bound('key');
const NODES = bound('node');
/** All values are written in the code. */
const FIXED = null;

/** Every label, with the bound of its values where they come from outside: each value is a time series or more. */
export const LABEL_BOUNDS = {
  camera_id: CAMERAS,
  model_type: MODELS,
  model: MODELS,
  line: bound('line'),
  lane: bound('lane'),
  key: KEYS,
  key_id: KEYS,
  api_key_id: KEYS,
  node_id: NODES,
  scheduler_id: NODES,
  pool_id: NODES,
  consumer: bound('consumer'),
  stream: bound('stream', 100),
  topic: bound('topic', 100),
  group: bound('circuit'),
  queue: bound('queue'),
  release: bound('release', 100),
  // A model's own words: most kinds of risk have one of few names, the rest is prose.
  risk_type: bound('risk type', 50),
  component: bound('component', 100),
  // Of this process: one series each.
  version: bound('version', 10),
  node_version: bound('version', 10),
  // Bounded by `showTree`, since actors come and go with their cameras.
  actor: FIXED,
  class: FIXED,
  class_name: FIXED,
  direction: FIXED,
  error_type: FIXED,
  feed: FIXED,
  kind: FIXED,
  label: FIXED,
  outcome: FIXED,
  queue_type: FIXED,
  rate: FIXED,
  reason: FIXED,
  risk_level: FIXED,
  role: FIXED,
  roles: FIXED,
  rule: FIXED,
  severity: FIXED,
  share: FIXED,
  source: FIXED,
  stage: FIXED,
  state: FIXED,
  status: FIXED,
  token_type: FIXED,
  urgency: FIXED,
  what: FIXED,
} as const satisfies Readonly<Record<LabelName, Bound | null>>;

const BOUNDS: ReadonlyMap<string, Bound | null> = new Map(Object.entries(LABEL_BOUNDS));

/** Bounds how many values a label takes: each distinct one is a time series that Prometheus keeps. */
export interface LabelLimit {
  /** `value` itself, or `other` when the label has all the values that it may have. */
  (label: string, value: string): string;
  /** Frees the place of a value. */
  forget(label: LabelName, value: string): void;
}

/**
 * @param max distinct values of a bound, at most its own
 * @param onOther called with the label whenever a value counts as `other`
 */
export function labelLimit(max: number, onOther: (label: string) => void = () => undefined): LabelLimit {
  const values = new Map<string, Set<string>>();
  const limit = (label: string, value: string): string => {
    const limited = BOUNDS.get(label) ?? null;
    if (limited === null) return value;
    let known = values.get(limited.of);
    if (known === undefined) values.set(limited.of, (known = new Set()));
    if (known.has(value)) return value;
    if (known.size >= Math.min(max, limited.most)) {
      onOther(label);
      return 'other';
    }
    known.add(value);
    return value;
  };
  return Object.assign(limit, {
    forget: (label: LabelName, value: string) => {
      values.get(LABEL_BOUNDS[label]?.of ?? '')?.delete(value);
    },
  });
}
