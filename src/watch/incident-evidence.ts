import type { Evidence, IncidentSeverity } from '../messages/incident.ts';
import type { Finding } from '../events/events.types.ts';

/** An incident's numbers but for its duration. */
export type Numbers = Omit<Evidence, 'durationS'>;

const NONE: Numbers = {
  ttc: null,
  pet: null,
  speedKmh: null,
  distanceM: null,
  decelerationMps2: null,
  neededDecelerationMps2: null,
  headwayS: null,
  limitKmh: null,
  degrees: null,
  vehicles: null,
  lengthM: null,
};

/** The smaller value is the worse one. */
const LEAST: ReadonlySet<keyof Numbers> = new Set(['ttc', 'pet', 'distanceM', 'headwayS']);
/** The newest value counts. */
const NEWEST: ReadonlySet<keyof Numbers> = new Set(['speedKmh', 'limitKmh']);
const NAMES = Object.keys(NONE) as readonly (keyof Numbers)[];

export const numbersOf = ({ evidence }: Finding): Numbers => ({ ...NONE, ...evidence });

/** The worst of both, name by name. `newer` counts for speed and limit. */
export function worst(older: Numbers, newer: Numbers): Numbers {
  const pick = (name: keyof Numbers): number | null => {
    const [a, b] = [older[name], newer[name]];
    if (a === null || b === null) return b ?? a;
    if (NEWEST.has(name)) return b;
    return LEAST.has(name) ? Math.min(a, b) : Math.max(a, b);
  };
  return Object.fromEntries(NAMES.map((name) => [name, pick(name)])) as Numbers;
}

/** `newer`, with the numbers of `older` that it lacks. */
export function remeasured(older: Numbers, newer: Numbers): Numbers {
  return Object.fromEntries(NAMES.map((name) => [name, newer[name] ?? older[name]])) as Numbers;
}

const RANK: Readonly<Record<IncidentSeverity, number>> = { low: 0, medium: 1, high: 2 };

export const isWorse = (one: IncidentSeverity, other: IncidentSeverity): boolean => RANK[one] > RANK[other];

/** Negative when `one` is less severe than `other`. */
export const bySeverity = (one: IncidentSeverity, other: IncidentSeverity): number => RANK[one] - RANK[other];
