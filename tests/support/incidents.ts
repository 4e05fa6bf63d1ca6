import type { Evidence, MeasuredIncident } from '../../src/messages/incident.ts';

const T0 = 1_700_000_000_000;

export const NO_EVIDENCE: Evidence = {
  ttc: null,
  pet: null,
  speedKmh: null,
  distanceM: null,
  durationS: 0,
  decelerationMps2: null,
  neededDecelerationMps2: null,
  headwayS: null,
  limitKmh: null,
  degrees: null,
  vehicles: null,
  lengthM: null,
};

/** A collision of high severity of the first two objects of a frame, the first incident after one group. */
export const incident = (
  over: Partial<Omit<MeasuredIncident, 'evidence'>> & { readonly evidence?: Partial<Evidence> } = {},
): MeasuredIncident => ({
  incidentId: 'i1',
  kind: 'collision',
  state: 'open',
  onset: new Date(T0 - 1_000).toISOString(),
  foundAt: new Date(T0).toISOString(),
  objects: [0, 1],
  trackIds: [1, 2],
  bbox: [0, 0, 180, 60],
  zone: null,
  calibrated: true,
  severity: 'high',
  subjectIndex: 2,
  cropId: null,
  ...over,
  evidence: { ...NO_EVIDENCE, ...over.evidence },
});
