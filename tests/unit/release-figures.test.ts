import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ReleaseLimits } from '../../src/messages/release.ts';
import { MOST_DIFFERENCES, ReleaseFigures } from '../../src/releases/release-figures.ts';
import { brokenLimit } from '../../src/releases/release-limits.ts';
import { answerOf, judgementOf, pairOf } from '../support/releases.ts';

const limits = (more: object): ReleaseLimits => ReleaseLimits.parse({ minAnswers: 10, ...more });

describe('figures of a release', () => {
  it('tell the two ways apart in a share', () => {
    const figures = new ReleaseFigures();
    for (let index = 1; index <= 100; index += 1)
      figures.add(answerOf('r', 'present', judgementOf('low', { seconds: index / 100 })), 10);
    figures.add(answerOf('r', 'candidate', judgementOf('high', { cost: 0.03 })), 10);
    figures.add(answerOf('r', 'candidate', judgementOf('unknown', { cost: 0.01 })), 10);
    figures.add(answerOf('r', 'candidate', judgementOf('unknown', { cost: 0.02, failure: 'TIMEOUT' })), 10);
    const { present, candidate, agreement } = figures.view();
    assert.equal(agreement, null);
    assert.deepEqual([present.judgements, present.alerts, present.levels.low], [100, 0, 100]);
    assert.ok(Math.abs(present.latencyP50Seconds! - 0.5) < 0.03, String(present.latencyP50Seconds));
    assert.ok(Math.abs(present.latencyP95Seconds! - 0.95) < 0.05, String(present.latencyP95Seconds));
    assert.deepEqual(
      [candidate.judgements, candidate.failed, candidate.alerts, candidate.unknownShare],
      [3, 1, 1, 0.5],
    );
    assert.ok(Math.abs(candidate.costPerJudgement! - 0.02) < 1e-9);
    assert.equal(candidate.failedShare, 1 / 3);
  });

  it('compare pairs by level, and keep the newest alerts that only one way raised', () => {
    const figures = new ReleaseFigures();
    figures.add(pairOf('r', judgementOf('low'), judgementOf('low')), 10);
    figures.add(pairOf('r', judgementOf('low'), judgementOf('none')), 10);
    figures.add(pairOf('r', judgementOf('unknown'), judgementOf('medium', { failure: 'TIMEOUT' })), 10);
    for (let index = 0; index < MOST_DIFFERENCES + 5; index += 1)
      figures.add(pairOf('r', judgementOf('none'), judgementOf('high')), 10);
    const newest = { ...pairOf('r', judgementOf('high'), judgementOf('low')), cropId: 'crop-1' };
    figures.add(newest, 10);
    const { agreement, differences } = figures.view();
    assert.equal(agreement?.pairs, MOST_DIFFERENCES + 8);
    assert.deepEqual([agreement.onlyPresent, agreement.onlyCandidate], [1, MOST_DIFFERENCES + 5]);
    assert.equal(agreement.matrix.none.high, MOST_DIFFERENCES + 5);
    assert.equal(agreement.sameShare, 1 / agreement.pairs);
    assert.equal(agreement.withinOneStepShare, 2 / agreement.pairs);
    assert.equal(differences.length, MOST_DIFFERENCES);
    assert.deepEqual(
      [differences[0]?.cropId, differences[0]?.raisedBy, differences[1]?.raisedBy],
      ['crop-1', 'present', 'candidate'],
    );
  });

  it('count incidents by who found them, and pictures', () => {
    const figures = new ReleaseFigures();
    const { judgement: _, way: __, ...judged } = answerOf('r', 'present', judgementOf('low'));
    for (const foundBy of [['present', 'candidate'], ['candidate'], ['candidate']] as const)
      figures.add({ ...judged, type: 'incident', kind: 'queue', severity: 'low', foundBy: [...foundBy] }, 10);
    const { releaseId, cameraId, at } = judged;
    for (const pictures of [3, 1])
      figures.add(
        { type: 'pictures', releaseId, cameraId, at, way: 'candidate', pictures, objects: 6, detectMs: 20, skipped: 2 },
        10,
      );
    const view = figures.view();
    assert.deepEqual(view.incidents, { queue: { both: 1, present: 0, candidate: 2 } });
    assert.deepEqual(view.candidate.pictures, { analysed: 4, skipped: 4, msPerPicture: 10, objectsPerPicture: 3 });
    assert.equal(view.present.pictures.msPerPicture, null);
  });
});

describe('limits of a release', () => {
  const add = (figures: ReleaseFigures, count: number, more: Parameters<typeof judgementOf>): void => {
    for (let index = 0; index < count; index += 1) figures.add(answerOf('r', 'candidate', judgementOf(...more)), 10);
  };

  it('count from enough answers on', () => {
    const figures = new ReleaseFigures();
    add(figures, 9, ['unknown']);
    assert.equal(brokenLimit(limits({ unknownShare: 0.1 }), figures), null);
    add(figures, 1, ['unknown']);
    assert.equal(brokenLimit(limits({ unknownShare: 0.1 }), figures), 'limit: unknownShare 1 > 0.1 over 10 judgements');
    assert.equal(brokenLimit(limits({}), figures), null, 'a limit that is left out is not watched');
  });

  it('see a release go bad late, and forget a bad beginning', () => {
    const figures = new ReleaseFigures();
    add(figures, 1_000, ['low']);
    add(figures, 15, ['low', { failure: 'TIMEOUT' }]);
    assert.match(brokenLimit(limits({ failedShare: 0.5 }), figures) ?? '', /^limit: failedShare 1 > 0\.5 over 15/u);
    add(figures, 25, ['low']);
    assert.equal(brokenLimit(limits({ failedShare: 0.5 }), figures), null);
  });

  it('compare the cost with the present way, the latency, and the agreement', () => {
    const figures = new ReleaseFigures();
    add(figures, 10, ['low', { cost: 0.05, seconds: 3 }]);
    assert.equal(brokenLimit(limits({ costRatio: 2 }), figures), null, 'nothing to compare with');
    for (let index = 0; index < 10; index += 1) figures.add(answerOf('r', 'present', judgementOf('low')), 10);
    assert.match(brokenLimit(limits({ costRatio: 2 }), figures) ?? '', /costRatio 5 > 2/u);
    assert.equal(brokenLimit(limits({ costRatio: 6 }), figures), null);
    assert.match(brokenLimit(limits({ latencyP95Seconds: 2 }), figures) ?? '', /latencyP95Seconds 3\.\d+ > 2/u);
    const pairs = new ReleaseFigures();
    for (let index = 0; index < 10; index += 1)
      pairs.add(pairOf('r', judgementOf('low'), judgementOf(index < 4 ? 'low' : 'none')), 10);
    assert.equal(brokenLimit(limits({ agreement: 0.8 }), pairs), 'limit: agreement 0.4 < 0.8 over 10 judgements');
    assert.equal(brokenLimit(limits({ agreement: 0.4 }), pairs), null);
  });
});
