import type { RiskLevel } from '../messages/assessment.ts';
import type { AlertHandling, VERDICT_VALUES } from '../messages/alert-handling.ts';
import type { EventKind } from '../messages/scene-constants.ts';
import type { AlertEntry } from './alert-entry.ts';

/** `open`: neither acknowledged nor shelved. An alert can be both acknowledged and shelved. */
export const ALERT_STATES = ['open', 'acknowledged', 'shelved'] as const;
export type AlertState = (typeof ALERT_STATES)[number];
export type VerdictFilter = (typeof VERDICT_VALUES)[number] | 'none';

/** Words of a search, at most. */
const MOST_WORDS = 8;

/** Null: no condition. Of one list any may hold; all conditions must hold. */
export interface AlertFilter {
  readonly cameraIds: ReadonlySet<string> | null;
  readonly kinds: ReadonlySet<EventKind> | null;
  readonly levels: ReadonlySet<RiskLevel> | null;
  readonly states: ReadonlySet<AlertState> | null;
  readonly verdicts: ReadonlySet<VerdictFilter> | null;
  /** Every word is in the description, the camera's name or id, or a kind; upper and lower case are the same. */
  readonly text: string | null;
}

/** Facts about an alert that its entry lacks. */
export interface AlertFacts {
  readonly handling: (alertId: string) => Pick<AlertHandling, 'acknowledged' | 'verdict'> | null;
  readonly isShelved: (entry: AlertEntry) => boolean;
  readonly cameraName: (cameraId: string) => string;
}

/** Whether an alert matches a filter. Linear in the length of its texts. Pure. */
export function alertMatcher(filter: AlertFilter, facts: AlertFacts): (entry: AlertEntry) => boolean {
  const words = wordsOf(filter.text ?? '');
  return (entry) => {
    if (!isOfKind(filter, entry) || !isHandledSo(filter, entry, facts)) return false;
    if (words.length === 0) return true;
    const searched = searchedText(entry, facts.cameraName(entry.cameraId));
    return words.every((word) => searched.includes(word));
  };
}

const isOfKind = ({ cameraIds, levels, kinds }: AlertFilter, entry: AlertEntry): boolean =>
  (cameraIds === null || cameraIds.has(entry.cameraId)) &&
  (levels === null || levels.has(entry.level)) &&
  (kinds === null || entry.kinds.some((kind) => kinds.has(kind)));

function isHandledSo({ states, verdicts }: AlertFilter, entry: AlertEntry, facts: AlertFacts): boolean {
  if (states === null && verdicts === null) return true;
  const { acknowledged = null, verdict = null } = facts.handling(entry.alertId) ?? {};
  if (verdicts !== null && !verdicts.has(verdict?.value ?? 'none')) return false;
  return states === null || hasState(states, acknowledged !== null, facts.isShelved(entry));
}

const hasState = (states: ReadonlySet<AlertState>, acknowledged: boolean, shelved: boolean): boolean =>
  (acknowledged && states.has('acknowledged')) ||
  (shelved && states.has('shelved')) ||
  (!acknowledged && !shelved && states.has('open'));

const searchedText = ({ description, cameraId, kinds }: AlertEntry, name: string): string =>
  `${description}\n${cameraId}\n${name}\n${kinds.join('\n')}`.toLowerCase();

/** The words of a search, at most {@link MOST_WORDS}, in lower case. */
const wordsOf = (text: string): readonly string[] =>
  text
    .toLowerCase()
    .split(/\s+/u)
    .filter((word) => word !== '')
    .slice(0, MOST_WORDS);
