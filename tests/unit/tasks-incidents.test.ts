import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EVENT_KINDS } from '../../src/messages/detection.ts';
import { newRequestId } from '../../src/messages/ids.ts';
import type { MeasuredIncident } from '../../src/messages/incident.ts';
import { subjects } from '../../src/messages/subjects.ts';
import { AssessmentTask, type LastAssessed } from '../../src/messages/task.ts';
import { AskedIncidents } from '../../src/tasks/asked-incidents.ts';
import { urgencyOf } from '../../src/tasks/detection-buffer.ts';
import { tasksOf } from '../../src/tasks/explode.ts';
import { incidentGroup, incidentsIn } from '../../src/tasks/incident-group.ts';
import { priorityOfIncident, priorOfIncident } from '../../src/tasks/incident-prior.ts';
import { isWorthAsking } from '../../src/tasks/worth-asking.ts';
import { incident } from '../support/incidents.ts';
import { detection, group } from '../support/samples.ts';

const FRAME = 1_700_000_000_000;
const at = (secondsBefore: number): string => new Date(FRAME - secondsBefore * 1_000).toISOString();
const tasksWith = (incidents: MeasuredIncident[], groups = 0, options: Partial<Parameters<typeof tasksOf>[1]> = {}) =>
  tasksOf(detection(groups, { incidents }), { validityMs: 30_000, ...options });

describe('the question about an incident', () => {
  it('is a valid task about those who take part, one or more, named by the incident', () => {
    const cropId = `${newRequestId()}.g1`;
    const earlier = [{ cropId, timestamp: at(1) }];
    const trajectories = [{ trackId: 1, points: [[0, 1, 2, 3, 4] as [number, number, number, number, number]] }];
    const alone = incident({ kind: 'wrong-way', objects: [1], trackIds: [2], subjectIndex: 1, cropId, earlier });
    const [task] = tasksWith([{ ...alone, trajectories }]);
    AssessmentTask.parse(task);
    assert.partialDeepStrictEqual(task, {
      priority: 5,
      prior: priorOfIncident(alone),
      freshUntil: new Date(FRAME + 2_000).toISOString(),
      incident: alone,
      group: {
        groupIndex: 1,
        groupId: 'i1',
        objectCount: 1,
        classes: ['car'],
        bbox: alone.bbox,
        memberIndices: [1],
        cropId,
        earlier,
      },
    });
    assert.equal(task?.taskId, `${task?.requestId}_group1`);
    assert.deepEqual(
      task?.members.map(({ objectId }) => objectId),
      [1],
    );
    assert.equal(task?.incident?.trajectories, undefined, 'no question needs their ways');
  });

  it('is not asked where nobody who takes part is seen, or where it went on in another', () => {
    assert.deepEqual(tasksWith([incident({ objects: [] }), incident({ objects: [7] })]), []);
    assert.deepEqual(tasksWith([incident({ mergedInto: 'i2', state: 'closed' })]), []);
  });

  it('takes the place of that of a group all of whose members take part, while it is wanted', () => {
    const ids = (...args: Parameters<typeof tasksWith>) => tasksWith(...args).map(({ group: { groupId } }) => groupId);
    assert.deepEqual(ids([incident()], 1), ['i1']);
    assert.deepEqual(ids([incident()], 1, { mayAsk: () => false }), [], 'it is under way');
    assert.deepEqual(ids([incident({ objects: [0] })], 1), ['g1', 'i1'], 'the other member is in no incident');
    const last: LastAssessed = { at: at(10), level: 'high', prior: 1 };
    assert.deepEqual(ids([incident()], 1, { lastAssessed: (id) => (id === 'i1' ? last : null) }), ['g1']);
  });

  it('the question of a group tells of the incidents of its members, a few of them, the worst first', () => {
    const many = Array.from({ length: 12 }, (_, index) =>
      incident({ incidentId: `i${index}`, objects: [0], severity: index === 11 ? 'high' : 'low' }),
    );
    const [task] = tasksWith(many, 1);
    AssessmentTask.parse(task);
    assert.deepEqual([task?.incidents?.length, task?.incidents?.[0]?.incidentId], [8, 'i11']);
    assert.equal(tasksWith([], 1)[0]?.incidents, undefined);
  });

  it('is among those of a replayed frame, which ask about everything', () => {
    const replayed = detection(1, { incidents: [incident()], replayOf: newRequestId() });
    assert.deepEqual(
      tasksOf(replayed, { validityMs: 1_000, mayAsk: () => false }).map(({ priority, group: { groupId } }) => [
        priority,
        groupId,
      ]),
      [
        [1, 'g1'],
        [1, 'i1'],
      ],
    );
  });

  it('has a subject of its own, even where ids differ at their ends only', () => {
    const [a, b] = ['1', '2'].map((end) => subjects.question(5, 'cam-1', 'x'.repeat(99) + end));
    assert.notEqual(a, b);
  });
});

describe('whether an incident is worth a question', () => {
  const answered = { at: FRAME - 10_000, prior: priorOfIncident(incident({ severity: 'medium' })).value };
  for (const [name, over, before, expected] of [
    ['it is new', {}, null, true],
    ['it is over and was never asked about', { state: 'closed' }, null, true],
    ['it was answered', { severity: 'medium' }, answered, false],
    ['it has become more severe', { severity: 'high' }, answered, true],
    ['its answer is a minute old', { severity: 'medium' }, { ...answered, at: FRAME - 60_000 }, true],
    ['it is over', { severity: 'medium', state: 'closed' }, { ...answered, at: FRAME - 60_000 }, false],
  ] as const)
    it(`${String(expected)} when ${name}`, () =>
      assert.equal(isWorthAsking(incident(over), before, FRAME, 60_000), expected));
});

describe('incidents with a question under way', () => {
  const frame = (n: number) => ({ cameraId: 'cam-1', requestId: `r${n}` });
  const calm = incident({ severity: 'low' });

  it('are asked about once, again by the same frame, when they get worse, or when there is no result in time', () => {
    const asked = new AskedIncidents();
    assert.equal(asked.mayAsk(frame(1), calm, FRAME, 2_000), true);
    asked.asks(frame(1), calm, FRAME);
    assert.equal(asked.mayAsk(frame(2), calm, FRAME + 1_000, 2_000), false);
    assert.equal(asked.mayAsk(frame(1), calm, FRAME + 1_000, 2_000), true, 'it was delivered again');
    assert.equal(asked.mayAsk(frame(2), incident({ severity: 'high' }), FRAME + 1_000, 2_000), true);
    assert.equal(asked.mayAsk(frame(2), calm, FRAME + 2_000, 2_000), true);
    assert.equal(asked.mayAsk({ ...frame(2), cameraId: 'cam-2' }, calm, FRAME, 2_000), true);
  });

  it('are forgotten with the result about that frame, and at the bound', () => {
    const asked = new AskedIncidents(1);
    asked.asks(frame(1), calm, FRAME);
    asked.answered(frame(0), 'i1');
    assert.equal(asked.mayAsk(frame(2), calm, FRAME, 2_000), false, 'the result was about another frame');
    asked.answered(frame(1), 'i1');
    assert.equal(asked.mayAsk(frame(2), calm, FRAME, 2_000), true);
    asked.asks(frame(1), calm, FRAME);
    asked.asks(frame(1), incident({ incidentId: 'i2' }), FRAME);
    assert.deepEqual([asked.size, asked.mayAsk(frame(2), calm, FRAME, 2_000)], [1, true]);
  });
});

describe('urgency and prior of an incident', () => {
  it('are those of its kind, more with severity and near numbers, less where metres are estimated', () => {
    const prior = (over: Parameters<typeof incident>[0]): number => priorOfIncident(incident(over)).value;
    for (const kind of EVENT_KINDS) {
      const values = (['low', 'medium', 'high'] as const).map((severity) => prior({ kind, severity }));
      assert.deepEqual(
        values,
        values.toSorted((a, b) => a - b),
        kind,
      );
      assert.ok(values.every((value) => value > 0 && value <= 1));
      assert.deepEqual(priorOfIncident(incident({ kind })).reasons, [kind]);
      assert.ok(prior({ kind, calibrated: false }) < prior({ kind }));
    }
    const kind = 'near-miss';
    assert.ok(prior({ kind, evidence: { ttc: 0.3 } }) > prior({ kind, evidence: { ttc: 1.2 } }));
    assert.ok(prior({ kind, evidence: { pet: 0.2 } }) > prior({ kind }));
    assert.ok(prior({ kind, evidence: { neededDecelerationMps2: 7 } }) > prior({ kind }));
    assert.equal(prior({ kind, evidence: { ttc: 9, pet: 9 } }), prior({ kind }));
  });

  it('put life before delay', () => {
    for (const kind of ['collision', 'wrong-way', 'near-miss-person', 'person-on-road'] as const)
      assert.equal(priorityOfIncident({ kind, severity: 'low' }), 5);
    assert.deepEqual(
      (['low', 'high'] as const).map((severity) => priorityOfIncident({ kind: 'queue', severity })),
      [2, 3],
    );
  });

  it('keep a frame with an incident longer than one without while NATS is down', () => {
    assert.deepEqual(
      [urgencyOf(detection(1)), urgencyOf(detection(0, { incidents: [incident()] })), urgencyOf(detection(0))],
      [2, 5, 0],
    );
    assert.equal(urgencyOf(detection(0, { incidents: [incident()], replayOf: newRequestId() })), 0);
  });
});

describe('an incident and the groups of its frame', () => {
  it('share members: the most severe incident comes first, those that went on in another are left out', () => {
    const found = incidentsIn(group(1), [
      incident({ incidentId: 'a', severity: 'low' }),
      incident({ incidentId: 'b', objects: [5] }),
      incident({ incidentId: 'c', severity: 'high', objects: [1] }),
      incident({ incidentId: 'd', mergedInto: 'c' }),
    ]);
    assert.deepEqual(
      found.map(({ incidentId }) => incidentId),
      ['c', 'a'],
    );
  });

  it('a group of one has its speed and its class', () => {
    const frame = detection(0);
    frame.detectedObjects[0]!.velocity = [30, 40];
    const found = incidentGroup(incident({ objects: [0] }), frame);
    assert.deepEqual(
      [found?.group.features.maxSpeed, found?.group.features.vehicleCount, found?.group.averageConfidence],
      [50, 1, 0.8],
    );
  });
});
