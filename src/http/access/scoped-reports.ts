import type { CameraId } from '../../messages/ids.ts';
import type { CameraRecord, HealthReport } from '../ports.ts';
import type { UsageReport } from '../schemas/usage-schema.ts';

type Sees = (cameraId: CameraId) => boolean;

/** The usage of the cameras in scope. Names of keys and the budget of all are left out. Pure. */
export function usageOf(report: UsageReport, sees: Sees): UsageReport {
  const byCamera = report.byCamera.filter(({ camera }) => sees(camera));
  const sum = (of: (row: UsageReport['byCamera'][number]) => number): number =>
    byCamera.reduce((total, row) => total + of(row), 0);
  return {
    ...report,
    calls: sum((row) => row.calls),
    promptTokens: sum((row) => row.promptTokens),
    completionTokens: sum((row) => row.completionTokens),
    // As the report itself: without the binary rounding errors of sums.
    cost: Math.round(sum((row) => row.cost) * 1e8) / 1e8,
    dailyBudget: null,
    byKey: [],
    byCamera,
  };
}

/**
 * The health with the cameras in scope. Its notices are about the whole system and may name any camera, so they are
 * counted only. Pure.
 */
export function healthOf(report: HealthReport, inScope: readonly CameraRecord[]): HealthReport {
  const count = (state: CameraRecord['status']['state']): number =>
    inScope.filter(({ status }) => status.state === state).length;
  const { length } = report.notices;
  return {
    ...report,
    nats: { ...report.nats, notice: null },
    redis: { ...report.redis, notice: null },
    models: report.models.map((model) => ({ ...model, notice: null })),
    assessment: report.assessment === null ? null : { ...report.assessment, notice: null },
    cameras: {
      total: inScope.length,
      online: count('online'),
      connecting: count('connecting'),
      offline: count('offline'),
      fault: count('fault'),
    },
    alerts: report.alerts.filter(({ cameraId }) => inScope.some(({ config }) => config.cameraId === cameraId)),
    notices: length === 0 ? [] : [`${length} notice(s) about the system, for users who see all cameras`],
  };
}
