/** A reading or a threshold of an alert rule with its unit, rounded; empty for a state. Pure. */
export function readingText(value: number, unit: string): string {
  if (unit === 'state') return '';
  if (unit === 'share') return `${Math.round(value * 1_000) / 10} %`;
  if (unit === 'bytes') return `${Math.round(value / 1e8) / 10} GB`;
  return `${Math.round(value * 100) / 100} ${unit}`;
}
