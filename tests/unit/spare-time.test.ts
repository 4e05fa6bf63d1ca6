import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AnalysisWindow } from '../../src/ingest/analysis-window.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';

describe('time to spare', () => {
  it('is there while at most a quarter of the places is taken', () => {
    const window = new AnalysisWindow(4, new ManualClock());
    assert.equal(window.hasSpareTime, true);
    window.ask('a', () => undefined);
    assert.equal(window.hasSpareTime, true);
    window.ask('b', () => undefined);
    assert.equal(window.hasSpareTime, false);
    window.done('b');
    assert.equal(window.hasSpareTime, true);
  });

  it('is not there while a camera waits', () => {
    const window = new AnalysisWindow(4, new ManualClock());
    window.ask('a', () => undefined);
    // For its own place.
    window.ask('a', () => undefined);
    assert.equal(window.waiting, 1);
    assert.equal(window.hasSpareTime, false);
  });
});
