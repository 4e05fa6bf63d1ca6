import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { figuresOf } from '../../src/llm/figures.ts';
import { incidentFiguresOf } from '../../src/llm/incident-figures.ts';
import { describeIncident, INCIDENT_WORDS } from '../../src/llm/incident-words.ts';
import { assessByMeasurements } from '../../src/llm/measured.ts';
import { buildPrompt } from '../../src/llm/prompt.ts';
import { EVENT_KINDS } from '../../src/messages/detection.ts';
import type { AssessmentTask } from '../../src/messages/task.ts';
import { simulateAnswer } from '../../src/simulator/simulated-answer.ts';
import { makeTask } from '../support/assessment-task.ts';
import { incident } from '../support/incidents.ts';

const nearMiss = incident({
  kind: 'near-miss-person',
  objects: [10, 11],
  trackIds: [2, 1],
  speedsKmh: [41.6, null],
  bbox: [100, 100, 230, 180],
  zone: 'lane-2',
  severity: 'medium',
  evidence: { ttc: 0.84, distanceM: 1.26, speedKmh: 43.8, durationS: 1.5 },
});
const group = makeTask([
  { class: 'person', at: [100, 100, 30, 80], velocity: [0, 0] },
  { class: 'car', at: [140, 100, 90, 60], velocity: [-400, 0] },
]);
/** The question about {@link nearMiss}, two seconds after its onset. */
const task: AssessmentTask = {
  ...group,
  timestamp: new Date(Date.parse(nearMiss.onset) + 2_000).toISOString(),
  incident: nearMiss,
};

describe('an incident in words', () => {
  it('has a sentence for every kind in both languages, with numbers, units and zone', () => {
    for (const language of ['en', 'zh'] as const)
      for (const kind of EVENT_KINDS) {
        const text = describeIncident({ ...nearMiss, kind }, language);
        assert.ok(text.toLowerCase().startsWith(INCIDENT_WORDS[language][kind].toLowerCase()), text);
        assert.equal(/[\u4e00-\u9fff]/.test(text), language === 'zh');
      }
    assert.equal(
      describeIncident(nearMiss, 'en'),
      'A near miss of a vehicle and a person in zone lane-2, least time to collision 0.8 s, least distance 1.3 m, ' +
        '43.8 km/h, for 1.5 s.',
    );
    assert.match(describeIncident({ ...nearMiss, calibrated: false }, 'en'), / \(metres estimated\)\.$/);
  });
});

describe('a group assessed by its incidents', () => {
  const { members } = group;
  it('has the level of the worst, names up to three kinds and those who take part', () => {
    const queue = { ...nearMiss, kind: 'queue' as const, severity: 'low' as const };
    assert.deepEqual(assessByMeasurements({ members, incidents: [queue, { ...nearMiss, objects: [11] }] }, 'en'), {
      riskLevel: 'medium',
      confidence: 0.64,
      riskTypes: ['a near miss of a vehicle and a person', 'a queue of vehicles'],
      description: describeIncident(nearMiss, 'en'),
      dangerObjectCount: 1,
      triggerObjectIds: [11],
    });
    const estimated = assessByMeasurements({ members, incidents: [{ ...nearMiss, calibrated: false }] }, 'en');
    assert.ok(estimated.confidence < 0.64);
  });

  it('goes by the verdict where there is one, and is none without an incident', () => {
    const lowered = { ...nearMiss, verdict: { level: 'none' as const } };
    for (const incidents of [[lowered], []]) {
      const { riskLevel, riskTypes, triggerObjectIds } = assessByMeasurements({ members, incidents }, 'zh');
      assert.deepEqual([riskLevel, riskTypes, triggerObjectIds], ['none', [], []]);
    }
    assert.equal(assessByMeasurements({ members, incidents: [] }, 'zh').description, '未见异常。');
  });
});

describe('the prompt about an incident', () => {
  it('has its numbers with units, and the speed of each road user in km/h', () => {
    assert.deepEqual(incidentFiguresOf({ ...task, group: { ...group.group, bbox: nearMiss.bbox } }, nearMiss, 'en'), {
      crop_width_px: 154,
      crop_height_px: 104,
      event: 'a near miss of a vehicle and a person',
      measured_level: 'medium',
      zone: 'lane-2',
      metres: 'calibrated',
      began_s_ago: 2,
      still_going_on: true,
      numbers: {
        least_time_to_collision_s: 0.8,
        least_distance_m: 1.3,
        speed_at_onset_km_h: 43.8,
        duration_s: 1.5,
      },
      objects: [
        { id: 10, class: 'person', confidence: 0.8, box: [12, 12, 42, 92], direction: 'still', speed_km_h: null },
        { id: 11, class: 'car', confidence: 0.8, box: [52, 12, 142, 72], direction: 'left', speed_km_h: 42 },
      ],
    });
    const { speedsKmh: _none, ...unknown } = nearMiss;
    assert.equal(incidentFiguresOf(task, unknown, 'en').objects[1]?.speed_km_h, null);
  });

  for (const language of ['en', 'zh'] as const)
    it(`asks in ${language} to confirm, lower or raise; its version is another than that of groups`, () => {
      const prompt = buildPrompt(task, language);
      assert.match(prompt.user, language === 'en' ? /confirm, lower or raise/ : /确认、调低或调高/);
      assert.ok(prompt.user.includes(JSON.stringify(INCIDENT_WORDS[language]['near-miss-person'])));
      assert.notEqual(prompt.hash, buildPrompt(group, language).hash);
      assert.equal(prompt.hash, buildPrompt({ ...task, incident: { ...nearMiss, zone: 'other' } }, language).hash);
    });

  it('that about a group tells of the incidents of its members', () => {
    const figures = figuresOf({ ...group, incidents: [nearMiss] }, 'en');
    assert.deepEqual(figures.events, [describeIncident(nearMiss, 'en')]);
    assert.equal(figuresOf(group).events, undefined);
  });

  it("puts the operator's text for the kind before the figures", () => {
    const prompts = { kinds: { 'near-miss-person': 'Mind the school.' } };
    const { system } = buildPrompt({ ...task, prior: { value: 0.9, reasons: ['near-miss-person'] } }, 'en', prompts);
    assert.match(system, /About a near miss of a vehicle and a person: Mind the school\./);
  });
});

describe('the simulator as a witness', () => {
  const answers = (language: 'en' | 'zh', severity: 'low' | 'medium' | 'high') =>
    Array.from({ length: 300 }, (_, seed) =>
      simulateAnswer(buildPrompt({ ...task, incident: { ...nearMiss, severity } }, language).user, seed),
    );

  it('mostly confirms what was measured, and lowers or raises it at times', () => {
    const levels = answers('en', 'medium').map(({ riskLevel }) => riskLevel);
    const share = (level: string): number => levels.filter((each) => each === level).length / levels.length;
    assert.ok(share('medium') > 0.55, String(share('medium')));
    for (const level of ['none', 'low', 'high']) assert.ok(share(level) > 0.02, level);
  });

  it('names the event and those who take part in the language of the question; the same text, the same answer', () => {
    const [answer] = answers('zh', 'high').filter(({ riskLevel }) => riskLevel === 'high');
    assert.deepEqual([answer?.riskTypes, answer?.triggerObjectIds], [['车辆险些撞到行人'], [10, 11]]);
    assert.deepEqual(answers('en', 'low'), answers('en', 'low'));
    const [nothing] = answers('en', 'low').filter(({ riskLevel }) => riskLevel === 'none');
    assert.deepEqual([nothing?.description, nothing?.triggerObjectIds], ['Normal traffic.', []]);
  });
});
