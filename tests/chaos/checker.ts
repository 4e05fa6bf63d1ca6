/** Checks a chaos run against its record. Pure. */
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { ChaosRecord } from './record.ts';
import type { FaultKind } from './schedule.ts';

export interface Verdict {
  readonly ok: boolean;
  readonly emitted: number;
  /** Frames with groups that ended in one aggregate. */
  readonly aggregated: number;
  /** Frames that were shed, counted and named by their node. */
  readonly shed: number;
  /** Groups that the aggregates name as missing, by reason. */
  readonly missingGroups: Readonly<Record<string, number>>;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  readonly silent: readonly string[];
  readonly alerts: {
    readonly inHistory: number;
    readonly differ: readonly string[];
    readonly unseen: readonly string[];
  };
  readonly violations: number;
  /** From the end of each fault to the next fresh frame at a viewer, in ms; null when none came. */
  readonly recovery: readonly { readonly kind: FaultKind; readonly ms: number | null }[];
}

/** The feed must be back within this after a fault. */
export const FEED_BACK_MS = 5_000;
const ALERTS_IN_REDIS = 100;

/** `graceMs`: frames emitted in this time before the end of the run may still be in flight. */
export function judge(record: ChaosRecord, endedAt: number, graceMs: number): Verdict {
  const lost: string[] = [];
  const doubled: string[] = [];
  const silent: string[] = [];
  const byRequest = new Map<string, Aggregate[]>();
  for (const aggregate of record.aggregates)
    byRequest.set(aggregate.requestId, [...(byRequest.get(aggregate.requestId) ?? []), aggregate]);
  const shed = new Set(record.shed);
  let aggregated = 0;
  const missingGroups: Record<string, number> = {};

  for (const { requestId, cameraId, groups, at } of record.emitted) {
    const revisions = byRequest.get(requestId) ?? [];
    if (revisions.length === 0) {
      if (!shed.has(requestId) && groups > 0 && at <= endedAt - graceMs)
        lost.push(
          `frame ${requestId} of ${cameraId} with ${groups} groups, ` +
            `${Math.round((endedAt - at) / 1_000)} s before the end`,
        );
      continue;
    }
    if (groups === 0) continue;
    aggregated += 1;
    const final = revisions.at(-1);
    if (final === undefined) continue;
    const answered = new Set(final.riskAssessment.results.map((each) => each.groupIndex));
    const missing = new Map(final.riskAssessment.missingGroups.map((each) => [each.groupIndex, each.reason]));
    for (const { groupIndex } of final.trafficGroups) {
      const reason = missing.get(groupIndex);
      if (reason !== undefined) missingGroups[reason] = (missingGroups[reason] ?? 0) + 1;
      else if (!answered.has(groupIndex))
        silent.push(`group ${groupIndex} of frame ${requestId} is neither judged nor named as missing`);
    }
    if (final.trafficGroups.length !== groups)
      silent.push(
        `frame ${requestId} was emitted with ${groups} groups and went out with ${final.trafficGroups.length}`,
      );
  }

  for (const [requestId, revisions] of byRequest) {
    const numbers = revisions.map((each) => each.revision);
    if (numbers.some((number, index) => index > 0 && number <= (numbers[index - 1] ?? 0)))
      doubled.push(`frame ${requestId} went out with the revisions ${numbers.join(', ')}`);
  }
  const counts = new Map<string, number>();
  for (const taskId of record.resultTaskIds) counts.set(taskId, (counts.get(taskId) ?? 0) + 1);
  for (const [taskId, count] of counts) if (count > 1) doubled.push(`task ${taskId} has ${count} results`);

  if (record.shedCounted !== shed.size)
    silent.push(`${shed.size} frames were shed, the metrics count ${record.shedCounted}`);
  const alerts = judgeAlerts(record, endedAt - graceMs);
  const recovery = record.faults
    .filter((fault) => fault.skipped === undefined)
    .map(({ kind, endedAt: end }) => {
      const next = record.seen.find((seen) => seen.type === 'detection_result' && seen.frameAt >= end);
      return { kind, ms: next === undefined ? null : Math.round(next.at - end) };
    });
  const late = recovery.filter(({ ms }) => ms === null || ms > FEED_BACK_MS);
  const ok =
    lost.length +
      doubled.length +
      silent.length +
      alerts.differ.length +
      alerts.unseen.length +
      late.length +
      record.violations.length ===
      0 && record.emitted.length > 0;
  return {
    ok,
    emitted: record.emitted.length,
    aggregated,
    shed: shed.size,
    missingGroups,
    lost,
    doubled,
    silent,
    alerts,
    violations: record.violations.length,
    recovery,
  };
}

/** Every frame of high risk is in the history once, is in Redis, and was shown as an alert. */
function judgeAlerts(
  { aggregates, history, redis, seen, seenByReturning }: ChaosRecord,
  before: number,
): Verdict['alerts'] {
  const differ: string[] = [];
  const unseen: string[] = [];
  const shownTo = (list: ChaosRecord['seen']): ReadonlySet<string> =>
    new Set(list.filter((each) => each.type === 'alert').map((each) => each.requestId));
  const viewers = {
    'the viewer who stayed': shownTo(seen),
    'the viewer who left and came back': shownTo(seenByReturning),
  };
  const known = new Map(
    Object.values(history).flatMap((list) => list.map((alert) => [alert.requestId, alert] as const)),
  );
  for (const { requestId, cameraId, riskAssessment, publishedAt } of aggregates) {
    if (riskAssessment.maxRiskLevel !== 'high' || Date.parse(publishedAt) > before) continue;
    if (!known.has(requestId)) differ.push(`the alert of frame ${requestId} of ${cameraId} is not in the history`);
    for (const [who, shown] of Object.entries(viewers))
      if (!shown.has(requestId)) unseen.push(`${who} never saw the alert of frame ${requestId} of ${cameraId}`);
  }
  for (const [cameraId, list] of Object.entries(history)) {
    const kept = redis[cameraId] ?? [];
    const expected = list.slice(0, ALERTS_IN_REDIS).map(({ requestId, revision }) => `${requestId}:${revision}`);
    const found = kept.map(({ requestId, revision }) => `${requestId}:${revision}`);
    if (expected.length !== found.length || expected.some((id, index) => id !== found[index]))
      differ.push(
        `${cameraId}: Redis keeps ${found.length} alerts, the history has ${expected.length}; ` +
          `the first that differ: ${firstDifference(expected, found)}`,
      );
  }
  return { inHistory: known.size, differ: [...new Set(differ)], unseen: [...new Set(unseen)] };
}

function firstDifference(expected: readonly string[], found: readonly string[]): string {
  const index = expected.findIndex((id, at) => id !== found[at]);
  const at = index === -1 ? expected.length : index;
  return `at ${at}: history ${expected[at] ?? 'nothing'}, Redis ${found[at] ?? 'nothing'}`;
}
