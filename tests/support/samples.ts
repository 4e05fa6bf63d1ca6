import { randomUUID } from 'node:crypto';
import type { AssessmentFailure, AssessmentResult, RiskLevel, RulesReason } from '../../src/messages/assessment.ts';
import type { Detection, GroupFeatures, PublishedGroup } from '../../src/messages/detection.ts';
import { taskId } from '../../src/messages/ids.ts';

export const CALM: GroupFeatures = {
  density: 1,
  meanSpacing: 100,
  minSpacing: 80,
  vehicleCount: 2,
  personCount: 0,
  minPersonVehicleDistance: null,
  maxSpeed: null,
  maxClosingSpeed: null,
};

export function group(groupIndex: number, features: Partial<GroupFeatures> = {}): PublishedGroup {
  return {
    groupIndex,
    groupId: `g${groupIndex}`,
    objectCount: 2,
    classes: ['car'],
    bbox: [0, 0, 200, 100],
    averageConfidence: 0.8,
    memberIndices: [0, 1],
    features: { ...CALM, ...features },
    cropId: null,
  };
}

/** A detection with two cars and so many groups. */
export function detection(groups: number | PublishedGroup[], over: Partial<Detection> = {}): Detection {
  const car = (objectId: number) => ({
    objectId,
    trackId: objectId + 1,
    class: 'car' as const,
    confidence: 0.8,
    bbox: [objectId * 100, 0, objectId * 100 + 80, 60] as [number, number, number, number],
    velocity: null,
  });
  return {
    requestId: randomUUID(),
    cameraId: 'cam-1',
    timestamp: new Date(1_700_000_000_000).toISOString(),
    traceId: 'a'.repeat(32),
    frameNumber: 1,
    detectedObjects: [car(0), car(1)],
    incidents: [],
    trafficGroups: typeof groups === 'number' ? Array.from({ length: groups }, (_, i) => group(i + 1)) : groups,
    imageWidth: 1280,
    imageHeight: 720,
    imageId: null,
    detectionLatency: 0.05,
    modelType: 'test',
    ...over,
  };
}

export function result(
  of: Detection,
  groupIndex: number,
  riskLevel: RiskLevel,
  over: {
    source?: 'vlm' | 'rules';
    error?: AssessmentFailure;
    llmLatency?: number;
    degraded?: true;
    reason?: RulesReason;
    triggerObjectIds?: number[];
  } = {},
): AssessmentResult {
  const { requestId, cameraId, traceId, timestamp } = of;
  return {
    taskId: taskId(requestId, groupIndex),
    requestId,
    cameraId,
    timestamp,
    traceId,
    groupIndex,
    results: [
      {
        groupIndex,
        riskLevel,
        confidence: 0.9,
        riskTypes: [],
        description: '',
        dangerObjectCount: 0,
        triggerObjectIds: over.triggerObjectIds ?? [],
        ...(over.reason === undefined ? {} : { reason: over.reason }),
      },
    ],
    source: over.source ?? 'vlm',
    metadata: {
      llmLatency: over.llmLatency ?? 1,
      llmModel: 'm',
      apiKeyId: 'key-001',
      retryCount: 0,
      promptTokens: 0,
      completionTokens: 0,
    },
    ...(over.error === undefined ? {} : { error: over.error }),
    ...(over.degraded === undefined ? {} : { degraded: over.degraded }),
  };
}
