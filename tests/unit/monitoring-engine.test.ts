import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MetricName } from '../../src/infra/metric-table.ts';
import type { Silence, SystemAlert } from '../../src/messages/monitoring.ts';
import { AlertBoard } from '../../src/monitoring/alert-board.ts';
import { AlertEngine, isAnnounced, MOST_SERIES } from '../../src/monitoring/alert-engine.ts';
import type { AlertRule } from '../../src/monitoring/alert-rules.ts';
import { gaugeOf, type MeasuredName, ratioOf, type Sample, sumOf } from '../../src/monitoring/measure.ts';
import { systemAlert } from '../support/fake-monitoring.ts';

const SECOND = 1_000;
const NOW = Date.parse('2026-01-02T03:04:05.000Z');

/** Dark for 60 s after 10 s of it; well again below 20 s, for 15 s. */
const DARK: AlertRule = {
  name: 'camera_dark',
  severity: 'critical',
  measure: gaugeOf('max', 'camera_dark_seconds', { by: ['camera_id'] }),
  comparison: 'above',
  threshold: 60,
  forSeconds: 10,
  clearThreshold: 20,
  clearSeconds: 15,
  unit: 'seconds',
  summary: 'dark',
  runbook: 'look',
  prometheusOnly: false,
};

/** An engine whose gauge has these values by camera, at these seconds. */
function started(rules: readonly AlertRule[] = [DARK]) {
  const engine = new AlertEngine('node-1');
  let silences: readonly Silence[] = [];
  const samplesOf = (values: Readonly<Record<string, number>>): ReadonlyMap<MeasuredName, readonly Sample[]> =>
    new Map([
      ['camera_dark_seconds', Object.entries(values).map(([camera_id, value]) => ({ labels: { camera_id }, value }))],
    ]);
  const tick = (second: number, values: Readonly<Record<string, number>>, of = rules) =>
    engine.tick(NOW + second * SECOND, samplesOf(values), of, silences);
  const state = (second: number, value: number | null): string =>
    tick(second, value === null ? {} : { north: value }).alerts[0]?.state ?? 'ok';
  return { engine, tick, state, silence: (some: readonly Silence[]) => void (silences = some) };
}

describe('the alert engine', () => {
  it('fires once a reading was too high for the whole time, and says for what', () => {
    const { tick, state } = started();
    assert.equal(state(0, 60), 'ok', 'at the threshold is not above it');
    assert.equal(state(5, 61), 'pending');
    assert.equal(state(10, 30), 'ok', 'one good reading starts the wait anew');
    assert.equal(state(15, 61), 'pending');
    assert.equal(state(20, 66), 'pending');
    const [alert] = tick(25, { north: 71 }).alerts;
    const expected: Partial<SystemAlert> = {
      rule: 'camera_dark',
      severity: 'critical',
      state: 'firing',
      value: 71,
      threshold: 60,
      labels: { camera_id: 'north' },
      cameraId: 'north',
      node: 'node-1',
      shared: false,
      since: new Date(NOW + 15 * SECOND).toISOString(),
      firedAt: new Date(NOW + 25 * SECOND).toISOString(),
    };
    assert.deepEqual({ ...alert, ...expected }, alert);
  });

  it('goes on firing while readings flap about the threshold, and ends only when all is well for its time', () => {
    const { state } = started();
    state(0, 100);
    assert.equal(state(10, 100), 'firing');
    for (const second of [15, 20, 25, 30]) assert.equal(state(second, second % 2 === 0 ? 59 : 61), 'firing');
    assert.equal(state(35, 20), 'clearing');
    assert.equal(state(40, 21), 'firing', 'between both thresholds is not well');
    assert.equal(state(45, 5), 'clearing');
    assert.equal(state(55, 5), 'clearing');
    assert.equal(state(60, 5), 'ok');
    assert.equal(state(65, 61), 'pending', 'the next one is a new alert');
  });

  it('takes a thing without a reading for well', () => {
    const { state } = started();
    state(0, 100);
    assert.equal(state(5, null), 'ok', 'a pending one is over at once');
    state(10, 100);
    assert.equal(state(20, 100), 'firing');
    assert.equal(state(25, null), 'clearing');
    assert.equal(state(40, null), 'ok');
  });

  it('fires below a threshold where that is the wrong side', () => {
    const below: AlertRule = { ...DARK, comparison: 'below', threshold: 2, clearThreshold: 3, forSeconds: 0 };
    const { state } = started([below]);
    assert.equal(state(0, 2), 'ok');
    assert.equal(state(5, 1), 'firing');
    assert.equal(state(10, 2), 'firing');
    assert.equal(state(15, 3), 'clearing');
  });

  it('follows at most so many things of a rule, and counts the others', () => {
    const { tick } = started();
    const many = Object.fromEntries(Array.from({ length: MOST_SERIES + 7 }, (_, index) => [`cam-${index}`, 100]));
    const { alerts, dropped, values } = tick(0, many);
    assert.equal(alerts.length, MOST_SERIES);
    assert.deepEqual([...dropped], [['camera_dark', 7]]);
    assert.deepEqual([...values], [['camera_dark', 100]]);
    const { 'cam-0': _gone, ...others } = many;
    tick(5, others);
    assert.ok(
      tick(10, others).alerts.some(({ cameraId }) => cameraId === `cam-${MOST_SERIES}`),
      'takes the free place',
    );
  });

  it('announces nothing that is silenced, for its rule and camera and as long as the silence holds', () => {
    const { tick, silence } = started();
    const until = new Date(NOW + 100 * SECOND).toISOString();
    const one: Silence = { silenceId: 's', rule: 'camera_dark', cameraId: 'north', until, reason: 'r', by: 'ann' };
    silence([one, { ...one, rule: 'disk_full', cameraId: null }]);
    const dark = { north: 100, south: 100 };
    tick(0, dark);
    const announced = (second: number): readonly (string | null)[] =>
      tick(second, dark)
        .alerts.filter(isAnnounced)
        .map(({ cameraId }) => cameraId);
    assert.deepEqual(announced(10), ['south']);
    silence([{ ...one, cameraId: null }]);
    assert.deepEqual(announced(15), []);
    assert.deepEqual(announced(100), ['north', 'south'], 'its time is over');
  });

  it('forgets the alerts of a rule that is switched off, and takes new thresholds at once', () => {
    const { tick } = started();
    tick(0, { north: 100 });
    assert.equal(tick(10, { north: 100 }).alerts.length, 1);
    assert.equal(tick(15, { north: 100 }, []).alerts.length, 0);
    assert.equal(tick(20, { north: 100 }).alerts[0]?.state, 'pending');
    assert.equal(tick(25, { north: 100 }, [{ ...DARK, threshold: 200, clearThreshold: 200 }]).alerts.length, 0);
  });

  it('reads a ratio over its window only, and nothing at the first tick after a restart', () => {
    const rule: AlertRule = {
      ...DARK,
      name: 'freshness_missed',
      measure: ratioOf(sumOf('verdicts_late_total'), sumOf('verdicts_total'), { windowSeconds: 60, atLeast: 10 }),
      threshold: 0.5,
      clearThreshold: 0.5,
      forSeconds: 0,
    };
    const engine = new AlertEngine('node-1');
    const value = (second: number, late: number, all: number): number | undefined => {
      const samples = new Map<MetricName, readonly Sample[]>([
        ['verdicts_late_total', [{ labels: {}, value: late }]],
        ['verdicts_total', [{ labels: {}, value: all }]],
      ]);
      return engine.tick(NOW + second * SECOND, samples, [rule], []).values.get(rule.name);
    };
    assert.equal(value(0, 900, 1_000), undefined, 'totals from before the restart say nothing');
    assert.equal(value(30, 900, 1_009), undefined, 'too few');
    assert.equal(value(60, 950, 1_100), 0.5);
    assert.equal(value(90, 950, 1_200), 50 / 191, 'since second 30');
    assert.equal(value(150, 950, 1_300), 0);
  });
});

describe('the board of all nodes', () => {
  it('shows the alerts of each node, a shared one once, and none of a node that went silent', () => {
    const board = new AlertBoard();
    const lag = (node: string, state: SystemAlert['state']): SystemAlert =>
      systemAlert('consumer_lag', { node, state, shared: true, labels: { consumer: 'scheduler' } });
    const alerts = (node: string, ...more: SystemAlert[]) => ({
      nodeId: node,
      alerts: [systemAlert('cpu_usage', { node }), ...more],
      values: { cpu_usage: node === 'node-1' ? 0.9 : 0.95 },
    });
    board.note(alerts('node-1', lag('node-1', 'pending')), NOW);
    board.note(alerts('node-2', lag('node-2', 'firing')), NOW + 20 * SECOND);
    const shown = (second: number) => board.list(NOW + second * SECOND).map(({ rule, node }) => `${rule} ${node}`);
    assert.deepEqual(shown(30).toSorted(), ['consumer_lag node-2', 'cpu_usage node-1', 'cpu_usage node-2']);
    assert.deepEqual(board.valuesOf('cpu_usage', NOW + 30 * SECOND), [0.9, 0.95]);
    assert.deepEqual(shown(31), ['cpu_usage node-2', 'consumer_lag node-2']);
    assert.deepEqual([board.isPresent('node-1', NOW + 31 * SECOND), board.isPresent('node-2', NOW)], [false, true]);
  });
});
