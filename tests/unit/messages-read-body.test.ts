import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { z } from 'zod';
import { Aggregate, PushedAggregate } from '../../src/messages/aggregate.ts';
import { AssessmentResult } from '../../src/messages/assessment.ts';
import { clipped, MESSAGE, MOST } from '../../src/messages/bounds.ts';
import { CameraStatus } from '../../src/messages/camera.ts';
import { Detection } from '../../src/messages/detection.ts';
import { newRequestId } from '../../src/messages/ids.ts';
import { OnDemandStatus } from '../../src/messages/on-demand.ts';
import { BODY_ERRORS, BodyError, readBody } from '../../src/messages/read-body.ts';
import { AssessmentTask } from '../../src/messages/task.ts';
import { WebhookJob } from '../../src/messages/webhook.ts';
import { tasksOf } from '../../src/tasks/explode.ts';
import { assertLinear, leastCpuMs } from '../support/cpu-ms.ts';
import { hostileBodies } from '../support/hostile-bodies.ts';
import { aggregate } from '../support/http-samples.ts';
import { CALM, detection } from '../support/samples.ts';

const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  Detection,
  AssessmentTask,
  AssessmentResult,
  Aggregate,
  PushedAggregate,
  CameraStatus,
  OnDemandStatus,
  WebhookJob,
};
const refusal = (body: Uint8Array | string, schema: z.ZodType = Detection): BodyError => {
  try {
    readBody(body, schema);
  } catch (thrown) {
    assert.ok(thrown instanceof BodyError, String(thrown));
    return thrown;
  }
  return assert.fail('it was taken');
};
describe('a body that is read', () => {
  test('is what its schema says, whether bytes or text', () => {
    const frame = detection(2);
    assert.deepEqual(readBody(JSON.stringify(frame), Detection), frame);
    assert.deepEqual(readBody(Buffer.from(JSON.stringify({ ...frame, more: 1 })), Detection), frame);
  });

  test('is refused with a code and one bounded sentence about the first thing that is wrong', () => {
    const cases: readonly (readonly [Uint8Array | string, string, RegExp])[] = [
      ['{"requestId":1}', 'BODY_INVALID', /^requestId: Invalid input: expected string/],
      [
        JSON.stringify({ ...detection(1), detectedObjects: [1, 2, 3] }),
        'BODY_INVALID',
        /^detectedObjects\.0: Invalid input/,
      ],
      ['17', 'BODY_INVALID', /^it: Invalid input: expected object/],
      ['{', 'BODY_NOT_JSON', /JSON/],
      ['', 'BODY_NOT_JSON', /JSON/],
      [new Uint8Array([0x22, 0xc3, 0x28, 0x22]), 'BODY_NOT_JSON', /UTF-8/],
      [' '.repeat(MESSAGE.bytes + 1), 'BODY_TOO_LARGE', /524288/],
      ['\u20ac'.repeat(MESSAGE.bytes / 2), 'BODY_TOO_LARGE', /bytes/],
      ['['.repeat(90_000), 'BODY_TOO_LARGE', /nested more than 16/],
    ];
    for (const [body, code, message] of cases) {
      const error = refusal(body);
      assert.equal(error.code, code);
      assert.match(error.message, message);
    }
    assert.ok(Object.keys(BODY_ERRORS).includes(refusal('{').code));
  });

  test('may hold commas and brackets in its texts', () => {
    const job = {
      id: 'x',
      kind: 'alert',
      url: 'http://h/',
      createdAt: '2026-01-01T00:00:00Z',
      assessmentId: null,
      body: '[{,:"\\"'.repeat(40_000),
    };
    assert.deepEqual(readBody(JSON.stringify(job), WebhookJob), job);
  });

  const bodies = new Map([120_000, 480_000, 1_000_000].map((size) => [size, hostileBodies(size)]));
  const bodyOf = (kind: string, size: number) => bodies.get(size)?.[kind] ?? assert.fail();
  for (const [name, schema] of Object.entries(SCHEMAS)) {
    test(`as ${name}, costs little whatever it holds, and no more than its size`, () => {
      for (const kind of Object.keys(hostileBodies(1_000))) {
        for (const size of [480_000, 1_000_000])
          assert.ok(refusal(bodyOf(kind, size), schema).message.length <= 300, kind);
        // Above the bound on bytes nothing is read; below it square time would be 50 ms and more.
        assert.ok(leastCpuMs(() => refusal(bodyOf(kind, 1_000_000), schema), 50) < 50, `${kind} of 1 MB`);
        assertLinear(kind, (size) => () => refusal(bodyOf(kind, size), schema), 120_000, 30);
      }
    });
  }
});

/** The largest that the bounds allow, in texts of three bytes a character. */
function largestFrame(): Detection {
  const objects = Array.from({ length: MOST.objects }, (_, objectId) => ({
    objectId,
    trackId: 1_000_000 + objectId,
    class: 'traffic light' as const,
    confidence: 0.8123,
    bbox: [1234.56, 1234.56, 2345.67, 2345.67] as [number, number, number, number],
    velocity: [-123.45, -123.45] as [number, number],
  }));
  const groups = Array.from({ length: MOST.groups }, (_, index) => ({
    groupIndex: index + 1,
    groupId: `g123456${index}-k3f9a`,
    objectCount: 2,
    classes: ['motorcycle' as const, 'traffic light' as const],
    bbox: [1234.56, 1234.56, 2345.67, 2345.67] as [number, number, number, number],
    averageConfidence: 0.8123,
    memberIndices: [2 * index, 2 * index + 1],
    features: { ...CALM, minPersonVehicleDistance: 123.45, maxSpeed: 123.45, maxClosingSpeed: 123.45 },
    unchangedSince: new Date().toISOString(),
    cropId: `${newRequestId()}.g${index + 1}`,
    earlier: [1, 2].map(() => ({ cropId: `${newRequestId()}.g${index + 1}`, timestamp: new Date().toISOString() })),
  }));
  const own = { freshnessSeconds: 1.2345, prompt: '\u5371'.repeat(MOST.prompt) };
  return detection(groups, { detectedObjects: objects, ...own });
}

describe('what Gantry publishes', () => {
  test('fits what it reads, at every bound at once', () => {
    const frame = largestFrame();
    assert.deepEqual(readBody(JSON.stringify(frame), Detection), frame);
    for (const task of tasksOf(frame, { validityMs: 1_000 })) readBody(JSON.stringify(task), AssessmentTask);
    const results = frame.trafficGroups.map(({ groupIndex, memberIndices }) => ({
      groupIndex,
      riskLevel: 'high' as const,
      confidence: 0.9123,
      riskTypes: Array.from({ length: 3 }, () => '\u5371'.repeat(60)),
      description: '\u5371'.repeat(500),
      dangerObjectCount: 2,
      triggerObjectIds: memberIndices,
    }));
    const whole = aggregate('north', {
      detectedObjects: frame.detectedObjects,
      trafficGroups: frame.trafficGroups,
      riskAssessment: {
        maxRiskLevel: 'high',
        hasDangerousDriving: true,
        results,
        missingGroups: [],
        source: 'vlm',
        degraded: false,
      },
    });
    assert.deepEqual(readBody(JSON.stringify({ ...whole, offset: 1 }), PushedAggregate), { ...whole, offset: 1 });
  });

  test('is refused one object, group or character over', () => {
    const frame = largestFrame();
    assert.match(
      refusal(JSON.stringify({ ...frame, detectedObjects: [...frame.detectedObjects, frame.detectedObjects[0]] }))
        .message,
      /^detectedObjects: Too big/,
    );
    assert.match(
      refusal(JSON.stringify({ ...frame, trafficGroups: [...frame.trafficGroups, frame.trafficGroups[0]] })).message,
      /^trafficGroups: Too big/,
    );
    assert.match(
      refusal(JSON.stringify({ ...frame, modelType: 'x'.repeat(MOST.name + 1) })).message,
      /^modelType: Too big/,
    );
  });

  test('is cut, and marked so, where a text is too long', () => {
    assert.equal(clipped('short'), 'short');
    assert.deepEqual(
      { length: clipped('x'.repeat(2_000)).length, marked: clipped('x'.repeat(2_000)).endsWith('x…') },
      { length: MOST.text, marked: true },
    );
  });
});
