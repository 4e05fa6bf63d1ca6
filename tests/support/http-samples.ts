import type { CountedBin } from '../../src/messages/counted-bin.ts';
import { randomUUID } from 'node:crypto';
import type { CameraRecord, HealthReport, KeyPoolStats } from '../../src/http/ports.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { Incident } from '../../src/messages/incident.ts';
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

/** A road seen from 8 m above it, with one lane. */
export const SCENE = {
  width: 1_280,
  height: 720,
  calibration: [
    { image: [440, 600], road: [-4, 20] },
    { image: [840, 600], road: [4, 20] },
    { image: [540, 400], road: [-4, 40] },
    { image: [740, 400], road: [4, 40] },
    { image: [640, 500], road: [0, 26.666_666_7] },
  ],
  zones: [
    {
      id: 'north-bound',
      kind: 'lane',
      polygon: [
        [640, 600],
        [840, 600],
        [740, 400],
        [640, 400],
      ],
      direction: [
        [700, 590],
        [680, 410],
      ],
      speedLimitKmh: 50,
    },
  ],
  speedLimitKmh: 60,
};
/** A polygon that crosses itself. */
export const BOW_TIE = [
  [100, 600],
  [300, 700],
  [300, 600],
  [100, 700],
];

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
    incidents: [],
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
  assessment: { source: 'vlm', notice: null },
  cameras: { total: 1, online: 1, connecting: 0, offline: 0, fault: 0 },
  notices: [],
  alerts: [],
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

/** A minute in which two cars crossed a line. */
export const countedBin = (start: string): CountedBin => ({
  start,
  seconds: 60,
  observedSeconds: 60,
  calibrated: true,
  lines: [{ lineId: 'gate', crossings: [{ direction: 'left-to-right', class: 'car', count: 2 }] }],
  movements: [],
  lanes: [],
  notOnRoad: [],
  leftOut: 0,
});

/** A near miss of the two cars of {@link aggregate}; the alert about it is that frame. */
export const incidentOf = (requestId: string, incidentId = 'north-abc12-7'): Incident => ({
  incidentId,
  kind: 'near-miss',
  state: 'closed',
  onset: '2026-11-27T07:59:58.000Z',
  foundAt: '2026-11-27T08:00:00.000Z',
  endedAt: '2026-11-27T08:00:01.000Z',
  objects: [0, 2],
  trackIds: [7, 9],
  bbox: [60, 60, 560, 280],
  zone: 'a',
  calibrated: true,
  evidence: {
    ttc: 0.9,
    pet: null,
    speedKmh: 41,
    distanceM: 1.2,
    durationS: 3,
    decelerationMps2: 6,
    neededDecelerationMps2: 5,
    headwayS: null,
    limitKmh: 50,
    degrees: null,
    vehicles: null,
    lengthM: null,
  },
  severity: 'high',
  subjectIndex: 2,
  cropId: `${requestId}.g2`,
  trajectories: [{ trackId: 7, points: [[0, 1, 2, 300, 200]] }],
  alertId: requestId,
  verdict: {
    status: 'confirmed',
    level: 'high',
    modelLevel: 'medium',
    confidence: 0.7,
    description: 'Two cars almost meet.',
    source: 'vlm',
    assessedAt: '2026-11-27T08:00:00.000Z',
    promptHash: '89f7e595611d',
    model: 'sim-vl',
    reply: '{"level":"medium"}',
  },
});
