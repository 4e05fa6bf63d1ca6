import type { Evidence, MeasuredIncident } from '../messages/incident.ts';
import type { EventKind } from '../messages/scene-constants.ts';
import type { Prior, Priority } from '../messages/task.ts';

/** Urgency of a kind, and the chance that one of high severity is a danger: most are true, and some are harmless. */
const KINDS: Readonly<Record<EventKind, { readonly priority: Priority; readonly chance: number }>> = {
  collision: { priority: 5, chance: 0.95 },
  'wrong-way': { priority: 5, chance: 0.9 },
  'near-miss-person': { priority: 5, chance: 0.9 },
  'person-on-road': { priority: 5, chance: 0.85 },
  'near-miss': { priority: 4, chance: 0.85 },
  'hard-braking': { priority: 3, chance: 0.6 },
  'stopped-vehicle': { priority: 3, chance: 0.6 },
  'shoulder-use': { priority: 3, chance: 0.55 },
  speeding: { priority: 3, chance: 0.55 },
  tailgating: { priority: 3, chance: 0.55 },
  'u-turn': { priority: 3, chance: 0.55 },
  'illegal-stop': { priority: 2, chance: 0.45 },
  queue: { priority: 2, chance: 0.3 },
};
const SEVERITY: Readonly<Record<MeasuredIncident['severity'], number>> = { low: 0.5, medium: 0.75, high: 1 };
/** Metres that were estimated are off by more. */
const ESTIMATED = 0.85;
/** Times (s) under which a conflict is one, see `EventThresholds`; and a deceleration (m/s²) that few drivers reach. */
const CONFLICT_TTC = 1.5;
const CONFLICT_PET = 1;
const HARDEST = 8;
/** Chance that the numbers of a conflict add at their worst. */
const WORST_NUMBERS = 0.4;

/**
 * How likely an incident is a danger, from its kind, its severity and its numbers: two independent hints, combined by
 * noisy-or (Pearl 1988). Pure.
 */
export function priorOfIncident(
  incident: Pick<MeasuredIncident, 'kind' | 'severity' | 'evidence' | 'calibrated'>,
): Prior {
  const { kind, severity, evidence, calibrated } = incident;
  const certainty = calibrated ? 1 : ESTIMATED;
  const hinted = KINDS[kind].chance * SEVERITY[severity] * certainty;
  const value = 1 - (1 - hinted) * (1 - WORST_NUMBERS * nearnessOf(evidence) * certainty);
  return { value: Math.round(value * 1_000) / 1_000, reasons: [kind] };
}

/** 5 for the kinds that may cost a life, one more than its kind's for high severity. */
export function priorityOfIncident({ kind, severity }: Pick<MeasuredIncident, 'kind' | 'severity'>): Priority {
  const { priority } = KINDS[kind];
  return severity === 'high' && priority < 5 ? ((priority + 1) as Priority) : priority;
}

/** How near a conflict came, 0 to 1: by the worst of its numbers. */
const nearnessOf = ({ ttc, pet, neededDecelerationMps2 }: Evidence): number =>
  Math.max(
    ttc === null ? 0 : share(1 - ttc / CONFLICT_TTC),
    pet === null ? 0 : share(1 - pet / CONFLICT_PET),
    neededDecelerationMps2 === null ? 0 : share(neededDecelerationMps2 / HARDEST),
  );

const share = (value: number): number => Math.min(1, Math.max(0, value));
