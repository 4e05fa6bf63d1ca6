/** The incidents of a frame, in words. */
import type { Aggregate } from '../../../src/messages/aggregate.ts';
import type { Evidence, Incident } from '../../../src/messages/incident.ts';
import type { EventKind } from '../../../src/messages/scene-constants.ts';
import { t } from '../i18n/index.ts';

/** The numbers that the page shows, most telling first. */
const NUMBERS = [
  'ttc',
  'pet',
  'speedKmh',
  'limitKmh',
  'decelerationMps2',
  'headwayS',
  'distanceM',
  'vehicles',
  'lengthM',
  'degrees',
  'durationS',
] as const satisfies readonly (keyof Evidence)[];

const STEP = { none: 0, low: 1, unknown: 1, medium: 2, high: 3 } as const;

/** A kind in a few words. */
export const nameOfKind = (kind: EventKind): string => t(`picture.kind.${kind}`);

export const kindName = ({ kind }: Pick<Incident, 'kind'>): string => nameOfKind(kind);

/** An incident with its zone and its numbers. */
export function incidentText(
  incident: Pick<Incident, 'kind' | 'zone' | 'evidence' | 'calibrated' | 'scaleError'>,
): string {
  const { zone, calibrated, scaleError } = incident;
  const error = scaleError === undefined ? '' : `, ±${Math.round(scaleError * 100)} %`;
  return t('picture.incident', {
    kind: kindName(incident),
    place: zone === null ? '' : t('picture.inZone', { zone }),
    numbers: evidenceTexts(incident.evidence).join(', '),
    estimate: calibrated ? '' : t('picture.estimated', { error }),
  });
}

/** The numbers that are known, each with its unit. */
export const evidenceTexts = (evidence: Evidence): string[] =>
  NUMBERS.flatMap((name) => {
    const value = evidence[name];
    return value === null ? [] : [t(`picture.evidence.${name}`, { value: Math.round(value * 10) / 10 })];
  });

/** The incident that counts most: by its level, then the newest. */
export const leadingIncident = ({ incidents }: Pick<Aggregate, 'incidents'>): Incident | null =>
  incidents.toSorted(
    (a, b) => STEP[b.verdict.level] - STEP[a.verdict.level] || Date.parse(b.onset) - Date.parse(a.onset),
  )[0] ?? null;
