import { ON_DEMAND_CAMERA } from '../../messages/ids.ts';
import type { Release, ReleaseChanges, ReleaseMark, ReleaseWay } from '../../messages/release.ts';
import type { AssessmentResult } from '../../messages/assessment.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import type { PromptSection } from '../../keys/key-config.schema.ts';
import type { LeaseRequest } from '../../keys/pool.types.ts';
import type { InForce, ReleasesInForce } from '../../releases/releases.types.ts';
import { changesOver } from '../../releases/in-force.ts';
import { wayOf } from '../../releases/way-of.ts';

/** One way to judge: the changes that releases make to the operator's settings. */
export interface JudgingWay {
  /** On the results; null while no release has a share in the question. */
  readonly mark: ReleaseMark | null;
  /** The model to call; null: that of the key. */
  readonly model: string | null;
  /** Names of the keys that may be used; null: any. */
  readonly keys: readonly string[] | null;
  /** Texts for the model in place of the operator's; undefined: none. */
  readonly prompts: ReleaseChanges['prompts'];
  /** A model is tried out whose failures say nothing about the keys. */
  readonly triesModel: boolean;
  /** Aborted when it no longer counts. Calls that were begun finish. */
  readonly over: AbortSignal;
}

/** A question that the candidate is to judge out of sight. */
export interface ShadowWay {
  readonly release: Release;
  readonly way: JudgingWay;
}

/** No release is promoted, and none runs. */
export const NOTHING_IN_FORCE: ReleasesInForce = {
  now: { present: {}, running: null },
  onChange: () => () => undefined,
};

/** The part of a task that decides its way. */
type Subject = Pick<AssessmentTask, 'cameraId'> & { readonly group: Pick<AssessmentTask['group'], 'groupId'> };
type Changes = Pick<ReleaseChanges, 'model' | 'keys' | 'prompts'>;

/**
 * The way to judge each question, by the releases in force. It depends on the release, the camera and the group only:
 * an earlier answer never changes it. A group that changes its way keeps the last answer of the other one until it is
 * asked about again, as after any other change of the settings.
 */
export class JudgingWays {
  readonly #releases: ReleasesInForce;
  readonly #unsubscribe: () => void;
  #known: Ways;
  #over = new AbortController();

  constructor(releases: ReleasesInForce) {
    this.#releases = releases;
    this.#known = waysOf(releases.now, this.#over.signal);
    this.#unsubscribe = releases.onChange(() => void this.#current());
  }

  /** The way whose answer counts. */
  of(task: Subject): JudgingWay {
    const { present, sharing, running } = this.#current();
    if (sharing === null || running === null || task.cameraId === ON_DEMAND_CAMERA) return present;
    return sharing[wayOf(running, task.cameraId, task.group.groupId)];
  }

  /** The way that judges the same question in the shadow; null where none does. */
  shadowOf(task: Subject): ShadowWay | null {
    const { shadow, running } = this.#current();
    if (shadow === null || running === null || task.cameraId === ON_DEMAND_CAMERA) return null;
    return wayOf(running, task.cameraId, task.group.groupId) === 'candidate' ? { release: running, way: shadow } : null;
  }

  /** Names of the keys that the present way may use; undefined: any. */
  get keysOfPresent(): readonly string[] | undefined {
    return this.#current().present.keys ?? undefined;
  }

  /**
   * Whether this result says how soon answers come. One of a candidate does not, unless it judges everything: a slow
   * model that is tried out must not make all keys look slow.
   */
  setsPace({ results: [result] }: Pick<AssessmentResult, 'results'>): boolean {
    return result?.release?.way !== 'candidate' || (this.#current().running?.percent ?? 100) >= 100;
  }

  close(): void {
    this.#unsubscribe();
  }

  #current(): Ways {
    const { now } = this.#releases;
    if (now === this.#known.of || sameWays(now, this.#known.of)) return this.#known;
    this.#over.abort();
    this.#over = new AbortController();
    return (this.#known = waysOf(now, this.#over.signal));
  }
}

interface Ways {
  readonly of: InForce;
  readonly present: JudgingWay;
  readonly running: Release | null;
  /** Both ways of a release with a share. */
  readonly sharing: Readonly<Record<ReleaseWay, JudgingWay>> | null;
  readonly shadow: JudgingWay | null;
}

function waysOf(inForce: InForce, over: AbortSignal): Ways {
  const { running } = inForce;
  const made = (changes: Changes, mark: ReleaseMark | null, triesModel = false): JudgingWay => ({
    mark,
    model: changes.model ?? null,
    keys: changes.keys ?? null,
    prompts: changes.prompts,
    triesModel,
    over,
  });
  const { present } = inForce;
  const known = { of: inForce, present: made(present, null), running };
  if (running === null || running.state !== 'running' || !touchesJudgement(running.changes))
    return { ...known, sharing: null, shadow: null };
  const { releaseId, changes } = running;
  // As it would be once promoted.
  const candidate = changesOver(present, changes);
  const triesModel = changes.model !== undefined && changes.model !== present.model;
  if (running.mode === 'shadow')
    return { ...known, sharing: null, shadow: made(candidate, { releaseId, way: 'candidate' }, triesModel) };
  return {
    ...known,
    sharing: {
      present: made(present, { releaseId, way: 'present' }),
      candidate: made(candidate, { releaseId, way: 'candidate' }, triesModel),
    },
    shadow: null,
  };
}

const touchesJudgement = ({ model, keys, prompts }: Changes): boolean =>
  model !== undefined || keys !== undefined || prompts !== undefined;

/** Whether every question is judged alike by both, so that a wait for a key may go on. */
const sameWays = (a: InForce, b: InForce): boolean => JSON.stringify(parts(a)) === JSON.stringify(parts(b));

function parts({ present, running }: InForce): unknown {
  const changesOf = ({ model, keys, prompts }: Changes): unknown => [model, keys, prompts];
  if (running === null) return [changesOf(present), null];
  const { releaseId, changes, mode, by, percent, cameras, budget, state } = running;
  return [changesOf(present), [releaseId, changesOf(changes), mode, by, percent, cameras, budget, state]];
}

/** The texts for the model: the operator's, those of a way in their place. */
export const promptsOf = (operators: PromptSection, { prompts }: Pick<JudgingWay, 'prompts'>): PromptSection =>
  prompts === undefined ? operators : { ...operators, ...prompts, kinds: { ...operators.kinds, ...prompts.kinds } };

/** The parts of a request for a lease that depend on the way. */
export const leasedBy = ({ model, keys }: JudgingWay): Pick<LeaseRequest, 'model' | 'only'> => ({
  ...(model === null ? {} : { model }),
  ...(keys === null ? {} : { only: keys }),
});
