import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LaneComparison, type LaneIncident, type LaneWay } from '../../src/watch/lane-comparison.ts';

const START = Date.UTC(2026, 4, 4);
const iso = (seconds: number): string => new Date(START + seconds * 1_000).toISOString();
const incident = (incidentId: string, onset: number, over: Partial<LaneIncident> = {}): LaneIncident => ({
  incidentId,
  kind: 'wrong-way',
  severity: 'medium',
  onset: iso(onset),
  bbox: [100, 100, 200, 200],
  ...over,
});

function lanes() {
  const comparison = new LaneComparison(START);
  const note = (way: LaneWay, second: number, found: LaneIncident): void =>
    comparison.note(way, found, { requestId: `r${second}`, cropId: `r${second}.g1`, at: START + second * 1_000 });
  const settle = (second: number) => comparison.settle(START + second * 1_000);
  const ways = (second: number) => settle(second).map(({ incidentId, foundBy }) => [incidentId, foundBy]);
  return { comparison, note, settle, ways };
}

describe('the incidents of two lanes', () => {
  it('are told once when both have found one, in the frame of the present way, with the worse severity', () => {
    const { note, settle } = lanes();
    note('candidate', 2, incident('c', 1, { severity: 'high', bbox: [190, 190, 260, 260] }));
    assert.deepEqual(settle(2), []);
    note('present', 4, incident('p', 3.5));
    const [told, ...others] = settle(4);
    assert.equal(others.length, 0);
    assert.deepEqual(told, {
      incidentId: 'p',
      kind: 'wrong-way',
      severity: 'high',
      foundBy: ['present', 'candidate'],
      requestId: 'r4',
      cropId: 'r4.g1',
      at: START + 4_000,
    });
    note('present', 5, incident('p', 3.5));
    assert.deepEqual([settle(5), settle(60)], [[], []]);
  });

  it('are told with one way after six seconds, also when the other finds it later', () => {
    const { note, ways } = lanes();
    note('candidate', 2, incident('c', 1));
    assert.deepEqual(ways(7.9), []);
    assert.deepEqual(ways(8), [['c', ['candidate']]]);
    note('candidate', 9, incident('c', 1));
    note('present', 9, incident('p', 8));
    assert.deepEqual(ways(20), []);
  });

  it('are different ones by their kind, their place, or three seconds between them', () => {
    const { note, ways } = lanes();
    note('present', 1, incident('p', 1, { endedAt: iso(2) }));
    note('candidate', 5, incident('kind', 1, { kind: 'speeding' }));
    note('candidate', 5, incident('place', 1, { bbox: [400, 100, 500, 200] }));
    note('candidate', 5.5, incident('late', 5.1));
    assert.deepEqual(
      new Set(ways(30).map(([id, foundBy]) => `${String(id)} ${String(foundBy)}`)),
      new Set(['p present', 'kind candidate', 'place candidate', 'late candidate']),
    );
  });

  it('are one where a lane splits it in two', () => {
    const { note, ways } = lanes();
    note('present', 3, incident('p', 1));
    note('candidate', 3, incident('c1', 1, { endedAt: iso(3) }));
    assert.deepEqual(ways(3), [['p', ['present', 'candidate']]]);
    note('present', 6, incident('p', 1));
    note('candidate', 6, incident('c2', 5));
    assert.deepEqual(ways(30), []);
  });

  it('do not count when they began before the lanes', () => {
    const { note, ways } = lanes();
    note('present', 3, incident('p', -1));
    assert.deepEqual(ways(30), []);
  });

  it('are remembered up to a bound: those forgotten untold are counted', () => {
    const { comparison, note, ways } = lanes();
    for (let n = 0; n < 450; n += 1) note('present', 1, incident(`p${n}`, 1, { bbox: [n * 10, 0, n * 10 + 5, 5] }));
    assert.equal(comparison.forgotten, 50);
    assert.equal(ways(7).length, 400);
  });
});
