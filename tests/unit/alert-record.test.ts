import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unhandled } from '../../src/alert-desk/handling-changes.ts';
import { AlertRecord } from '../../src/http/schemas/alert-record-schema.ts';
import { alertRecord } from '../../src/http/resources/alert-record.ts';
import { newRequestId } from '../../src/messages/ids.ts';
import { aggregate, incidentOf } from '../support/http-samples.ts';

const NOW = Date.UTC(2026, 10, 27, 8);
const requestId = newRequestId(NOW);
const incident = incidentOf(requestId);
const nobody = { handling: unhandled({ alertId: requestId, cameraId: 'north' }), shelved: false };

test('a record has the numbers, the pictures and the answers of the model for each subject, and the clip', () => {
  const base = aggregate('north', { requestId, incidents: [incident], llmModel: 'sim-vl', risk: 'high' });
  const [result] = base.riskAssessment.results;
  const answered = { ...result!, source: 'vlm' as const, promptHash: '89f7e595611d', reply: 'high' };
  const ruled = { ...result!, groupIndex: 5, source: 'rules' as const };
  const riskAssessment = { ...base.riskAssessment, results: [answered, ruled] };
  const alert = { ...base, riskAssessment };
  const clip = { outcome: 'stored', bytes: 5, partBytes: 5, from: base.timestamp, to: base.timestamp } as const;
  const record = alertRecord(alert, clip, { basePath: '/gantry', now: NOW, ...nobody });
  assert.deepEqual(AlertRecord.parse(record), record);
  assert.deepEqual(record.alert.incidents[0]?.trajectories, incident.trajectories);
  assert.deepEqual(
    record.pictures.map(({ url, groupId, incidentId }) => [url, groupId ?? incidentId]),
    [
      [`/gantry/api/images/${requestId}.frame`, null],
      [`/gantry/api/images/${requestId}.g1`, 'g-7'],
      [`/gantry/api/images/${requestId}.g2`, 'north-abc12-7'],
    ],
  );
  assert.deepEqual(
    record.answers.map(({ groupId, incidentId, level, model, promptHash, reply }) => [
      groupId ?? incidentId,
      level,
      model,
      promptHash,
      reply,
    ]),
    [
      ['g-7', 'high', 'sim-vl', '89f7e595611d', 'high'],
      ['north-abc12-7', 'medium', 'sim-vl', '89f7e595611d', '{"level":"medium"}'],
    ],
  );
  const { url, state, bytes } = record.clip;
  assert.deepEqual([url, state, bytes], [`/gantry/api/alerts/${requestId}/clip.mp4`, 'stored', 5]);
});

test('a record tells whether its clip is still to come, and why there is none', () => {
  const alert = aggregate('north', { requestId });
  const clipAt = (now: number, clip: Parameters<typeof alertRecord>[1] = null) =>
    alertRecord(alert, clip, { basePath: '', now, ...nobody }).clip;
  assert.deepEqual([clipAt(NOW + 5_000).state, clipAt(NOW + 60_000).state], ['awaited', 'none']);
  const none = clipAt(NOW + 5_000, { outcome: 'none', reason: 'the camera sends MJPEG' });
  assert.deepEqual([none.state, none.reason], ['none', 'the camera sends MJPEG']);
  assert.deepEqual(alertRecord(alert, null, { basePath: '', now: NOW, ...nobody }).answers, []);
});
