import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { Incident } from '../../src/messages/incident.ts';
import { aggregate, incidentOf } from '../support/http-samples.ts';

// Typed by a project of its own, so by hand here.
const page = (file: string): Promise<unknown> => import(new URL(`../../web/src/picture/${file}`, import.meta.url).href);
const { incidentText, leadingIncident } = (await page('incidents.ts')) as {
  incidentText: (incident: Incident) => string;
  leadingIncident: (aggregate: Aggregate) => Incident | null;
};
const { marks, summary } = (await page('risk.ts')) as {
  marks: (aggregate: Aggregate) => { name: string }[];
  summary: (aggregate: Aggregate) => string;
};

const sample = aggregate('north', { risk: 'low' });
const wrongWay = (changes: Partial<Incident> = {}): Incident => {
  const incident = incidentOf('north');
  return { ...incident, kind: 'wrong-way', zone: 'in-1', calibrated: true, ...changes };
};
const shown = (...incidents: Incident[]): Aggregate => ({
  ...sample,
  incidents,
  riskAssessment: { ...sample.riskAssessment, maxRiskLevel: incidents[0]?.verdict.level ?? 'low' },
});

test('the page tells an incident with its zone and its numbers', () => {
  const evidence = { ...wrongWay().evidence, ttc: null, pet: null, speedKmh: 34.48, distanceM: null, durationS: 2 };
  const text = incidentText(wrongWay({ evidence, calibrated: false, scaleError: 0.083 }));
  assert.match(text, /^Wrong way in in-1: 34\.5 km\/h.*for 2 s \(metres estimated, ±8 %\)$/);
});

test('the leading incident is the one of the highest level', () => {
  const { verdict } = wrongWay();
  const low = wrongWay({ incidentId: 'a', verdict: { ...verdict, level: 'low' } });
  const high = wrongWay({ incidentId: 'b', verdict: { ...verdict, level: 'high' } });
  assert.equal(leadingIncident(shown(low, high))?.incidentId, 'b');
  assert.equal(leadingIncident(shown()), null);
});

test('an incident that the model denies is shown as disputed, with what was measured', () => {
  const verdict = { ...wrongWay().verdict, status: 'disputed', level: 'high', modelLevel: 'none' } as const;
  const alert = shown(wrongWay({ verdict }));
  assert.deepEqual(
    marks(alert).map(({ name }) => name),
    ['disputed'],
  );
  assert.match(summary(alert), /^Wrong way in in-1:/);
});
