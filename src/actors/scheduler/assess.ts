/**
 * Assesses one task by the model, in named steps: acquire a slot, a key and the picture; call; settle; decide. Each
 * step returns the next one, until one of the ends of {@link End}.
 */
import type { PromptSection } from '../../keys/key-config.schema.ts';
import type { Language } from '../../llm/language.ts';
import type { Picture } from '../../llm/picture.ts';
import { buildPrompt } from '../../llm/prompt.ts';
import { tokenBound } from '../../llm/token-bound.ts';
import type { AssessmentFailure, AssessmentResult } from '../../messages/assessment.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import { acquire, type AcquireContext, type Acquired } from './acquire.ts';
import type { AssessmentState, End } from './assessment-state.ts';
import { callRound, type CallRoundContext } from './call-round.ts';
import { withRound, type MadeCall } from './call.ts';
import { readPictures } from './read-picture.ts';
import { answeredByModel, EXPIRED, NO_CALL, rulesInstead, withoutModel } from './result.ts';
import { failureOf } from './retry.ts';
import { settleCall } from './settle.ts';

/** The surroundings of the steps; a test can replace every member. */
export interface AssessContext extends AcquireContext, CallRoundContext {
  readonly language: Language;
  /** The operator's texts for the model. */
  readonly prompts: PromptSection;
  /** Further attempts after the first. */
  readonly maxRetries: number;
  readonly onRetry: () => void;
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
  const { clock, slot, keys, language, prompts } = context;
  const deadline = Date.parse(task.expiresAt);
  const prompt = buildPrompt(task, language, prompts);
  const tokens = tokenBound(prompt, 1 + (task.group.earlier?.length ?? 0));
  let reading: Promise<readonly Picture[] | null> | null = null;
  let asked = 0;
  return {
    task,
    deadline,
    prompt,
    pictures: () => (reading ??= readPictures(task, pictureUntil(task, clock.now()), context)),
    askLease: (request) => {
      const waiterId = `${task.taskId}#${asked++}`;
      return slot.leasing((withdraw) => keys.lease({ waiterId, tokens, ...request }, withdraw));
    },
    failed: [],
    exclude: new Set(),
    metadata: { ...NO_CALL, waitMs: Math.max(0, clock.now() - Date.parse(task.timestamp)), calls: [] },
  };
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
  if (answered?.ok === true) return { kind: 'answered', answer: answered.answer };
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

function resultOf(end: End, { task, prompt, metadata }: AssessmentState, { clock, language }: AssessContext): Assessed {
  const now = clock.now();
  switch (end.kind) {
    case 'answered':
      return answeredByModel(task, end.answer, language, metadata, now, prompt.hash);
    case 'unanswered':
      return withoutModel(task, language, metadata, now, end.error);
    case 'not-asked':
      return rulesInstead(task, language, end.reason, now);
    case 'no-keys':
      return rulesInstead(task, language, 'no-keys', now);
    case 'handed-back':
      return null;
  }
}
