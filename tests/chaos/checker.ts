/** Checks a chaos run against its record. Pure. */
import { isAlert } from '../../src/messages/aggregate.ts';
import type { GroupAssessment } from '../../src/messages/assessment.ts';
import type { Answer, ChaosRecord } from './record.ts';
import type { FaultKind } from './schedule.ts';

export interface Verdict {
  readonly ok: boolean;
  readonly emitted: number;
  /** Frames with groups that went out. */
  readonly aggregated: number;
  /** Frames that were shed, counted and named by their node. */
  readonly shed: number;
  /**
   * Groups of the final revisions, by the origin of their verdict: `vlm`, `carried` or `rules`, the last two with the
   * reason why the model has not assessed this very frame.
   */
  readonly verdicts: Readonly<Record<string, number>>;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  readonly silent: readonly string[];
  /** Groups shown as `unknown` though no model said so. */
  readonly unknown: readonly string[];
  readonly alerts: {
    readonly inHistory: number;
    readonly differ: readonly string[];
    readonly unseen: readonly string[];
  };
  readonly violations: number;
  /**
   * From the end of each fault, in ms: `ms` to the next fresh frame at a viewer, `judgedMs` to the first frame taken
   * after it that the model has assessed; null when none came.
   */
  readonly recovery: readonly {
    readonly kind: FaultKind;
    readonly ms: number | null;
    readonly judgedMs: number | null;
  }[];
}

/** On a machine that does nothing else. */
const FEED_BACK_MS = 5_000;
const ALERTS_IN_REDIS = 100;
/** Reasons with which the aggregator itself ends the wait for an answer, so that no result need exist. */
const ENDED_WITHOUT_RESULT: ReadonlySet<string> = new Set(['superseded', 'late']);

/**
 * `graceMs`: frames emitted in this time before the end of the run may still be in flight. `feedBackMs`: the feed must
 * be back within this after a fault.
 */
export function judge(
  record: ChaosRecord,
  endedAt: number,
  graceMs: number,
  feedBackMs: number = FEED_BACK_MS,
): Verdict {
  const frames = judgeFrames(record, endedAt, graceMs);
  const shed = new Set(record.shed);
  const silent = [...frames.silent];
  if (record.shedCounted !== shed.size)
    silent.push(`${shed.size} frames were shed, the metrics count ${record.shedCounted}`);
  const doubled = [...doubledRevisions(record), ...doubledAnswers(record)];
  const alerts = judgeAlerts(record, endedAt - graceMs);
  const recovery = recoveryOf(record);
  const late = recovery.filter(({ ms }) => ms === null || ms > feedBackMs);
  const { lost, unknown } = frames;
  const wrong = [lost, doubled, silent, unknown, alerts.differ, alerts.unseen, late, record.violations];
  return {
    ok: wrong.every((list) => list.length === 0) && record.emitted.length > 0,
    emitted: record.emitted.length,
    aggregated: frames.aggregated,
    shed: shed.size,
    verdicts: frames.verdicts,
    lost,
    doubled,
    silent,
    unknown,
    alerts,
    violations: record.violations.length,
    recovery,
  };
}

type Frames = Pick<Verdict, 'aggregated' | 'verdicts' | 'lost' | 'silent' | 'unknown'>;

/** Every emitted frame went out, and its final revision says something about each group. */
function judgeFrames(record: ChaosRecord, endedAt: number, graceMs: number): Frames {
  const lost: string[] = [];
  const silent: string[] = [];
  const unknown: string[] = [];
  const verdicts: Record<string, number> = {};
  let aggregated = 0;
  const revisionsOf = Map.groupBy(record.aggregates, ({ requestId }) => requestId);
  const answers = new Map(record.answers.map((answer) => [answer.taskId, answer]));
  const shed = new Set(record.shed);
  for (const { requestId, cameraId, groups, at } of record.emitted) {
    const final = revisionsOf.get(requestId)?.at(-1);
    if (final === undefined) {
      if (!shed.has(requestId) && groups > 0 && at <= endedAt - graceMs)
        lost.push(
          `frame ${requestId} of ${cameraId} with ${groups} groups, ` +
            `${Math.round((endedAt - at) / 1_000)} s before the end`,
        );
      continue;
    }
    if (groups === 0) continue;
    aggregated += 1;
    if (final.trafficGroups.length !== groups)
      silent.push(
        `frame ${requestId} was emitted with ${groups} groups and went out with ${final.trafficGroups.length}`,
      );
    for (const { groupIndex, unchangedSince } of final.trafficGroups) {
      const shown = final.riskAssessment.results.find((each) => each.groupIndex === groupIndex);
      const answer = answers.get(`${requestId}_group${groupIndex}`);
      const group = `group ${groupIndex} of frame ${requestId}`;
      if (shown !== undefined) {
        const mark = markOf(shown);
        verdicts[mark] = (verdicts[mark] ?? 0) + 1;
        if (shown.riskLevel === 'unknown' && !saidUnknown(answer)) unknown.push(`${group} is unknown (${mark})`);
      }
      const wrong = silenceOf(shown, answer, unchangedSince !== undefined);
      if (wrong !== null) silent.push(`${group} ${wrong}`);
    }
  }
  return { aggregated, verdicts, lost, silent, unknown };
}

const isByModel = ({ source, carried }: GroupAssessment): boolean => source === 'vlm' && carried !== true;
const saidUnknown = (answer: Answer | undefined): boolean => answer?.source === 'vlm' && answer.level === 'unknown';

const markOf = ({ source, carried, reason }: GroupAssessment): string =>
  [carried === true ? 'carried' : (source ?? 'nobody'), ...(reason === undefined ? [] : [reason])].join(', ');

/** What nobody says about a group in its frame's final revision; null when all is said. */
function silenceOf(
  shown: GroupAssessment | undefined,
  answer: Answer | undefined,
  isUnchanged: boolean,
): string | null {
  if (shown === undefined) return 'has no assessment';
  if (shown.reason === 'pending') return 'is still pending';
  if (answer === undefined) {
    if (isByModel(shown)) return 'shows an answer of the model that is not among the results';
    // The model's last answer still holds, so it was not asked again.
    const saved = shown.carried === true && shown.reason === undefined && isUnchanged;
    return saved || ENDED_WITHOUT_RESULT.has(shown.reason ?? '') ? null : 'was never answered, and nothing says why';
  }
  // Where the model could not tell, an earlier verdict may stand.
  if (answer.source === 'vlm')
    return isByModel(shown) || answer.level === 'unknown' ? null : "does not show the model's answer";
  return shown.source === 'rules' && shown.reason === undefined ? 'does not say why rules answered' : null;
}

function doubledRevisions({ aggregates }: ChaosRecord): readonly string[] {
  return [...Map.groupBy(aggregates, ({ requestId }) => requestId)].flatMap(([requestId, revisions]) => {
    const numbers = revisions.map((each) => each.revision);
    return numbers.some((number, index) => index > 0 && number <= (numbers[index - 1] ?? 0))
      ? [`frame ${requestId} went out with the revisions ${numbers.join(', ')}`]
      : [];
  });
}

function doubledAnswers({ answers }: ChaosRecord): readonly string[] {
  return [...Map.groupBy(answers, ({ taskId }) => taskId)].flatMap(([taskId, { length }]) =>
    length > 1 ? [`task ${taskId} has ${length} results`] : [],
  );
}

function recoveryOf({ faults, seen, aggregates }: ChaosRecord): Verdict['recovery'] {
  return faults
    .filter((fault) => fault.skipped === undefined)
    .map(({ kind, endedAt: end }) => {
      const next = seen.find(({ type, frameAt }) => type === 'detection_result' && frameAt >= end);
      const judged = aggregates.find(
        ({ timestamp, riskAssessment }) => Date.parse(timestamp) >= end && riskAssessment.results.some(isByModel),
      );
      return {
        kind,
        ms: next === undefined ? null : Math.round(next.at - end),
        judgedMs: judged === undefined ? null : Date.parse(judged.publishedAt) - end,
      };
    });
}

/** Every frame with an alert is in the history once, is in Redis, and was shown as an alert. */
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
  const alerted = aggregates.filter((each) => isAlert(each) && Date.parse(each.publishedAt) <= before);
  for (const { requestId, cameraId } of new Map(alerted.map((each) => [each.requestId, each])).values()) {
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
