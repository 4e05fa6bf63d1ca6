import type { BudgetReport } from '../../src/http/schemas/budget-schema.ts';
import { randomUUID } from 'node:crypto';
import type { CameraRecord, HealthReport, KeyPoolStats } from '../../src/http/ports.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { CameraConfig, CameraStatus } from '../../src/messages/camera.ts';
import type { RiskLevel } from '../../src/messages/assessment.ts';
import type { TreeSnapshot } from '../../src/runtime/inspect.ts';

export const statusOf = (cameraId: string, state: CameraStatus['state'] = 'online'): CameraStatus => ({
  cameraId,
  state,
  status: state === 'online' ? 1 : state === 'fault' ? 2 : 0,
  message: state,
  since: '2026-01-02T03:04:05.000Z',
});

export const config = (cameraId: string, more: Partial<CameraConfig> = {}): CameraConfig => ({
  cameraId,
  name: cameraId,
  url: 'rtsp://viewer:s3cret@192.0.2.7:554/main',
  enabled: true,
  intervalSeconds: 1.8,
  ...more,
});

export const record = (camera: CameraConfig): CameraRecord => ({
  config: camera,
  status: statusOf(camera.cameraId),
  figures: { framesPerSecond: 0.55, frames: 12, reconnects: 0, lastFrameAt: null, shed: { detections: 0, groups: 0 } },
});

/** A frame with two cars and a person in one group, assessed as `risk`. */
export function aggregate(cameraId: string, more: Partial<Aggregate> & { risk?: RiskLevel } = {}): Aggregate {
  const { risk = 'medium', ...rest } = more;
  const requestId = rest.requestId ?? randomUUID();
  return {
    cameraId,
    requestId,
    timestamp: new Date().toISOString(),
    frameNumber: 1,
    revision: 0,
    publishedAt: new Date().toISOString(),
    detectedObjects: [
      { objectId: 0, trackId: 7, class: 'car', confidence: 0.91, bbox: [60, 150, 260, 280], velocity: [12, 3] },
      { objectId: 1, trackId: 8, class: 'person', confidence: 0.72, bbox: [280, 140, 330, 260], velocity: null },
      { objectId: 2, trackId: 9, class: 'car', confidence: 0.66, bbox: [450, 60, 560, 130], velocity: null },
    ],
    trafficGroups: [
      {
        groupIndex: 1,
        groupId: 'g-7',
        objectCount: 2,
        classes: ['car', 'person'],
        bbox: [60, 140, 330, 280],
        averageConfidence: 0.81,
        memberIndices: [0, 1],
        features: {
          density: 0.5,
          meanSpacing: 150,
          minSpacing: 150,
          vehicleCount: 1,
          personCount: 1,
          minPersonVehicleDistance: 20,
          maxSpeed: 12,
          maxClosingSpeed: 9,
        },
        cropId: `${requestId}.g1`,
      },
    ],
    riskAssessment: {
      maxRiskLevel: risk,
      hasDangerousDriving: risk === 'medium' || risk === 'high',
      results: [
        {
          groupIndex: 1,
          riskLevel: risk,
          confidence: 0.8,
          riskTypes: ['person near vehicle'],
          description: 'A person walks 20 px beside a moving car',
          dangerObjectCount: 2,
          triggerObjectIds: [0, 1],
        },
      ],
      missingGroups: [],
      source: 'rules',
      degraded: false,
    },
    llmLatency: 0,
    llmModel: null,
    imageWidth: 640,
    imageHeight: 352,
    imageId: `${requestId}.frame`,
    traceId: requestId.replaceAll('-', ''),
    ...rest,
  };
}

export const healthy: HealthReport = {
  status: 'ok',
  version: '0.1.0',
  roles: ['cameras', 'scheduler', 'aggregator', 'web'],
  uptimeSeconds: 12,
  nats: { state: 'connected', notice: null },
  redis: { state: 'connected', durable: true, notice: null, failedWrites: 0 },
  models: [{ name: 'ssd', state: 'ready', notice: null }],
  cameras: { total: 1, online: 1, connecting: 0, offline: 0, fault: 0 },
  notices: [],
};

const node = {
  restart: 'permanent',
  significant: false,
  nextRestartAt: null,
  nextBackoffMs: 100,
  onNextFailure: 'restart',
  events: [],
} as const;

export const tree = (cameraIds: readonly string[] = ['north']): TreeSnapshot => ({
  type: 'supervisor',
  ...node,
  autoShutdown: 'never',
  path: '/',
  strategy: 'one-for-one',
  dynamic: false,
  state: 'running',
  intensity: { maxRestarts: 5, withinMs: 60_000, used: 0, left: 5 },
  restarts: 0,
  lastFailure: null,
  children: [
    {
      type: 'supervisor',
      ...node,
      autoShutdown: 'never',
      path: '/cameras',
      strategy: 'one-for-one',
      dynamic: true,
      state: 'running',
      intensity: { maxRestarts: 5, withinMs: 60_000, used: 1, left: 4 },
      restarts: 1,
      lastFailure: null,
      children: cameraIds.map((id, index) => ({
        type: 'actor' as const,
        ...node,
        busyShare: 0.02,
        path: `/cameras/${id}`,
        kind: 'camera',
        state: index === 2 ? ('backing-off' as const) : ('running' as const),
        placement: 'thread' as const,
        incarnation: 2,
        restarts: 1,
        processed: 44,
        startedAt: '2026-01-02T03:04:05.000Z',
        nextRestartAt: null,
        lastFailure: { at: '2026-01-02T03:04:00.000Z', code: 'THREAD_EXITED', message: 'the thread ended' },
        mailbox: { depth: 3, capacity: 100, overflow: 'drop-oldest' as const, dropped: 2, refused: 0, oldestMs: 12 },
        nativeInFlight: 1,
        detail: { fps: 0.55 },
      })),
    },
  ],
});

export const keyStats: KeyPoolStats = {
  total_keys: 2,
  available_keys: 1,
  in_use_keys: 0,
  cooling_keys: 1,
  disabled_keys: 0,
  total_calls: 10,
  success_rate: 0.9,
  keys: [
    {
      key_id: 'key-001',
      status: 'available',
      total_calls: 9,
      failed_calls: 0,
      success_rate: 1,
      in_flight: 0,
      used_last_second: 1,
      used_last_minute: 9,
      last_error_code: null,
      qps_limit: 5,
      rpm_limit: 300,
      tpm_limit: null,
      tokens_last_minute: 0,
      cooldown_until: null,
      notice: null,
    },
    {
      key_id: 'key-002',
      status: 'cooling',
      total_calls: 1,
      failed_calls: 1,
      success_rate: 0,
      in_flight: 0,
      used_last_second: 0,
      used_last_minute: 1,
      last_error_code: '429',
      qps_limit: 5,
      rpm_limit: 300,
      tpm_limit: null,
      tokens_last_minute: 0,
      cooldown_until: '2026-01-02T03:04:05.000Z',
      notice: 'answered 429',
    },
  ],
  models: [],
  circuits: [{ group: 'm at provider', state: 'closed', since: null, failures: 0, retryAt: null }],
};

export const budget: BudgetReport = {
  calls: {
    allowed_per_minute: 180,
    used_last_minute: 170,
    wasted_last_minute: 2,
    used: 900,
    wasted: 9,
    answer_ms: 1_100,
    price: 0.2,
  },
  questions: {
    asked: 890,
    superseded: 40,
    carried: 300,
    budget: 700,
    per_minute: 320,
    by_camera: [{ camera_id: 'north', asked: 890, superseded: 40, carried: 300, budget: 700 }],
  },
  freshness: { limit_seconds: 2, p50_seconds: 1.2, p95_seconds: 1.9 },
  keys: { present: 2, needed: 4 },
  tokens_per_call: { prompt: 810, completion: 60 },
  short_since: '2026-01-02T03:04:05.000Z',
};
