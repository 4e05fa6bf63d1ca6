/**
 * Assesses one task by the model, in named steps: acquire a slot, a key and the picture; call; settle; decide. Each
 * step returns the next one, until one of the ends of {@link End}.
 */
import type { PromptSection } from '../../keys/key-config.schema.ts';
import type { Language } from '../../llm/language.ts';
import type { Picture } from '../../llm/picture.ts';
import { buildPrompt, type VersionedPrompt } from '../../llm/prompt.ts';
import { tokenBound } from '../../llm/token-bound.ts';
import type { AssessmentFailure, AssessmentResult } from '../../messages/assessment.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import { joinSignals } from '../../runtime/joined-signal.ts';
import { acquire, type AcquireContext, type Acquired } from './acquire.ts';
import type { AssessmentState, End, Judging } from './assessment-state.ts';
import { callRound, type CallRoundContext } from './call-round.ts';
import { withRound, type MadeCall } from './call.ts';
import { type JudgingWay, leasedBy, promptsOf } from './judging-ways.ts';
import { readPictures } from './read-picture.ts';
import type { Judged } from './judgement.ts';
import { answeredByModel, EXPIRED, markedBy, NO_CALL, rulesInstead, withoutModel } from './result.ts';
import { failureOf } from './retry.ts';
import { settleCall } from './settle.ts';

/** The surroundings of the steps; a test can replace every member. */
export interface AssessContext extends AcquireContext, CallRoundContext {
  readonly language: Language;
  /** The operator's texts for the model. */
  readonly prompts: PromptSection;
  /** The way that judges the task now. */
  readonly way: (task: AssessmentTask) => JudgingWay;
  /** Further attempts after the first. */
  readonly maxRetries: number;
  readonly onRetry: () => void;
  /** The model answered to this prompt. */
  readonly onAnswered?: (prompt: VersionedPrompt, task: AssessmentTask) => void;
  /** A way has judged the task, or failed to. */
  readonly onJudged?: (judged: Judged) => void;
}

/** The answer to a task, or null when it has to be given back to the bus unanswered. */
export type Assessed = AssessmentResult | null;

type Step =
  | { readonly kind: 'acquire' }
  | { readonly kind: 'call'; readonly acquired: Acquired }
  | { readonly kind: 'settle'; readonly calls: readonly MadeCall[] }
  | { readonly kind: 'decide'; readonly calls: readonly MadeCall[]; readonly giveUp: boolean }
  | End;

export async function assessByModel(task: AssessmentTask, context: AssessContext): Promise<Assessed> {
  const state = stateOf(task, context);
  let step = begin(state, context);
  for (;;) {
    switch (step.kind) {
      case 'acquire':
        state.judging = judgingOf(task, context, state.judging);
        step = await acquire(state, context);
        break;
      case 'call':
        step = { kind: 'settle', calls: await callRound(step.acquired, state, context) };
        break;
      case 'settle':
        step = settle(step.calls, state, context);
        break;
      case 'decide':
        step = decide(step, state, context);
        break;
      case 'answered':
      case 'unanswered':
      case 'not-asked':
      case 'no-keys':
      case 'handed-back':
        return resultOf(step, state, context);
    }
  }
}

function stateOf(task: AssessmentTask, context: AssessContext): AssessmentState {
  const { clock, slot, keys } = context;
  const deadline = Date.parse(task.expiresAt);
  let reading: Promise<readonly Picture[] | null> | null = null;
  let asked = 0;
  const state: AssessmentState = {
    task,
    deadline,
    judging: judgingOf(task, context),
    asked: false,
    pictures: () => (reading ??= readPictures(task, pictureUntil(task, clock.now()), context)),
    askLease: (request) => {
      const waiterId = `${task.taskId}#${asked++}`;
      const { way, tokens } = state.judging;
      state.asked = true;
      return slot.leasing(async (withdraw) => {
        const over = joinSignals([withdraw, way.over]);
        try {
          return await keys.lease({ waiterId, tokens, ...leasedBy(way), ...request }, over.signal);
        } finally {
          over.release();
        }
      });
    },
    failed: [],
    exclude: new Set(),
    metadata: { ...NO_CALL, waitMs: Math.max(0, clock.now() - Date.parse(task.timestamp)), calls: [] },
  };
  return state;
}

/** The way that judges the task now; `before` when it is that one still. */
function judgingOf(task: AssessmentTask, { language, prompts, way: wayOf }: AssessContext, before?: Judging): Judging {
  const way = wayOf(task);
  if (way === before?.way) return before;
  const prompt = buildPrompt(task, language, promptsOf(prompts, way));
  return { way, prompt, tokens: tokenBound(prompt, 1 + (task.group.earlier?.length ?? 0)) };
}

/** A stored picture is read within this time, in ms. */
const READ_MS = 1_000;

/** A picture that is not stored by then is too late for its answer, epoch ms. A task can be older after an outage. */
const pictureUntil = ({ expiresAt, freshUntil = expiresAt }: AssessmentTask, now: number): number =>
  Math.min(Date.parse(expiresAt), Math.max(Date.parse(freshUntil), now + READ_MS));

const NO_PICTURE: AssessmentFailure = { code: 'no-image', message: 'the group has no picture' };

/** Some tasks need no key to be answered. */
function begin({ task, deadline }: AssessmentState, { clock, keys }: AssessContext): Step {
  const expired = clock.now() >= deadline;
  if (!expired && task.group.cropId !== null) return { kind: 'acquire' };
  if (!keys.keysWanted) return { kind: 'no-keys' };
  return { kind: 'unanswered', error: expired ? EXPIRED : NO_PICTURE };
}

function settle(calls: readonly MadeCall[], state: AssessmentState, context: AssessContext): Step {
  const retries = state.failed.filter(({ hedge }) => hedge !== true).length;
  state.metadata = withRound(state.metadata, calls, retries);
  // All of them are settled, whatever the first one says.
  const verdicts = calls.map((call) => settleCall(call, state, context));
  return { kind: 'decide', calls, giveUp: verdicts.includes('give-up') };
}

function decide(
  { calls, giveUp }: { readonly calls: readonly MadeCall[]; readonly giveUp: boolean },
  { deadline }: AssessmentState,
  { clock, abort, onRetry }: AssessContext,
): Step {
  const answered = calls.find(({ reply }) => reply.ok)?.reply;
  if (answered?.ok === true) return { kind: 'answered', answer: answered.answer, reply: answered.reply };
  if (calls.some(({ reply }) => !reply.ok && reply.failure.kind === 'abandoned')) {
    if (abort.aborted) return { kind: 'handed-back' };
    const error: AssessmentFailure = { code: 'expired', message: "the task's time ran out during a call" };
    return { kind: 'unanswered', error };
  }
  if (giveUp || clock.now() >= deadline) {
    const last = calls.at(-1)?.reply;
    const error = last === undefined || last.ok ? EXPIRED : failureOf(last.failure);
    return { kind: 'unanswered', error };
  }
  onRetry();
  return { kind: 'acquire' };
}

function resultOf(end: End, state: AssessmentState, context: AssessContext): Assessed {
  const { task, judging, metadata } = state;
  const { clock, language, onAnswered } = context;
  const { prompt } = judging;
  const now = clock.now();
  switch (end.kind) {
    case 'answered': {
      onAnswered?.(prompt, task);
      const asked = { promptHash: prompt.hash, reply: end.reply };
      const result = answeredByModel(task, end.answer, language, metadata, now, asked);
      const level = end.answer.riskLevel === 'unknown' ? 'unknown' : result.results[0]?.riskLevel;
      return judged(result, state, context, { level, failure: null });
    }
    case 'unanswered': {
      const result = withoutModel(task, language, metadata, now, end.error);
      return state.asked ? judged(result, state, context, { level: 'unknown', failure: end.error.code }) : result;
    }
    case 'not-asked':
      return rulesInstead(task, language, end.reason, now);
    case 'no-keys':
      return rulesInstead(task, language, 'no-keys', now);
    case 'handed-back':
      return null;
  }
}

/** The result with the mark of the way that judged; whoever follows the release is told. */
function judged(
  result: AssessmentResult,
  { judging, metadata, pictures }: AssessmentState,
  { onJudged }: AssessContext,
  { level = 'unknown', failure }: { readonly level: Judged['level'] | undefined } & Pick<Judged, 'failure'>,
): AssessmentResult {
  const { way, prompt } = judging;
  onJudged?.({ way, level, failure, promptHash: prompt.hash, metadata, pictures });
  return markedBy(result, way.mark);
}
