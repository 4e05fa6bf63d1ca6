import type { SystemAlert } from '../messages/monitoring.ts';
import { isAnnounced } from '../monitoring/alert-engine.ts';
import { ALERT_RULES } from '../monitoring/alert-rules.ts';
import { readingText } from '../monitoring/reading-text.ts';

const MOST = 10;

/** An alert, and its sentence for operators; null where it is not announced, or after the first ten. */
export type WordedAlert = SystemAlert & { readonly notice: string | null };

/** Adds the sentence to the first ten alerts about Gantry that are announced. Pure. */
export function wordedAlerts(alerts: readonly SystemAlert[]): readonly WordedAlert[] {
  const worded = new Set(alerts.filter(isAnnounced).slice(0, MOST));
  return alerts.map((alert) => ({ ...alert, notice: worded.has(alert) ? sentence(alert) : null }));
}

/** The sentences of alerts, and how many more are announced. Pure. */
export function alertNotices(alerts: readonly WordedAlert[]): readonly string[] {
  const shown = alerts.flatMap(({ notice }) => (notice === null ? [] : [notice]));
  const more = alerts.filter(isAnnounced).length - shown.length;
  return more > 0 ? [...shown, `and ${more} more alerts about Gantry`] : shown;
}

function sentence({ rule, labels, node, shared, value, threshold, unit, since }: SystemAlert): string {
  const about = [...Object.values(labels), ...(shared ? [] : [`node ${node}`])].join(', ');
  const summary = ALERT_RULES.find(({ name }) => name === rule)?.summary ?? rule;
  return `${summary}${about === '' ? '' : ` (${about})`}: ${inWords(value, threshold, unit)}since ${since}`;
}

function inWords(value: number, threshold: number, unit: string): string {
  if (unit === 'state') return '';
  return `${readingText(value, unit)}, where ${readingText(threshold, unit)} is the threshold, `;
}
