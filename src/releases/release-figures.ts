import { isDangerous, type RiskLevel } from '../messages/assessment.ts';
import type { Judgement, ReleaseOutcome, ReleaseWay } from '../messages/release.ts';
import { type Levels, noLevels, share, Tally } from './tally.ts';

type Pair = Extract<ReleaseOutcome, { type: 'pair' }>;
type Incident = Extract<ReleaseOutcome, { type: 'incident' }>;
type Pictures = Extract<ReleaseOutcome, { type: 'pictures' }>;

/** Differences that are kept, the newest. */
export const MOST_DIFFERENCES = 100;
/** Levels that can be compared; `unknown` is like itself only. */
const STEPS: readonly RiskLevel[] = ['none', 'low', 'medium', 'high'];
const WAYS = ['present', 'candidate'] as const satisfies readonly ReleaseWay[];

/** An alert that only one way raised. */
export interface Difference extends Pick<Pair, 'at' | 'cameraId' | 'requestId' | 'groupId' | 'cropId'> {
  readonly present: RiskLevel;
  readonly candidate: RiskLevel;
  readonly raisedBy: ReleaseWay;
}

export interface WayFigures {
  readonly judgements: number;
  readonly failed: number;
  /** Judgements at a dangerous level. */
  readonly alerts: number;
  readonly levels: Levels;
  readonly unknownShare: number | null;
  readonly failedShare: number | null;
  readonly latencyP50Seconds: number | null;
  readonly latencyP95Seconds: number | null;
  readonly cost: number;
  readonly costPerJudgement: number | null;
  readonly pictures: {
    readonly analysed: number;
    readonly skipped: number;
    readonly msPerPicture: number | null;
    readonly objectsPerPicture: number | null;
  };
}

export interface FoundBy {
  both: number;
  present: number;
  candidate: number;
}

export interface Figures {
  readonly present: WayFigures;
  readonly candidate: WayFigures;
  /** Of the pairs that both ways answered; null without a pair. */
  readonly agreement: {
    readonly pairs: number;
    /** By the present way's level, then by the candidate's. */
    readonly matrix: Readonly<Record<RiskLevel, Levels>>;
    readonly sameShare: number;
    readonly withinOneStepShare: number;
    readonly onlyPresent: number;
    readonly onlyCandidate: number;
  } | null;
  /** Newest first. */
  readonly differences: readonly Difference[];
  /** In a share, a way finds those of its own cameras only. */
  readonly incidents: Readonly<Partial<Record<Incident['kind'], FoundBy>>>;
}

/** The newest judgements, by which limits are watched. */
export interface RecentFigures {
  readonly candidate: Tally;
  readonly pairs: number;
  readonly same: number;
}

interface Block extends RecentFigures {
  pairs: number;
  same: number;
}

const newBlock = (): Block => ({ candidate: new Tally(), pairs: 0, same: 0 });

/** The figures of one release, from its outcomes in any order, each of them once. Bounded. */
export class ReleaseFigures {
  readonly #tallies = { present: new Tally(), candidate: new Tally() };
  readonly #pictures = { present: noPictures(), candidate: noPictures() };
  readonly #matrix: Record<RiskLevel, Levels> = {
    none: noLevels(),
    low: noLevels(),
    medium: noLevels(),
    high: noLevels(),
    unknown: noLevels(),
  };
  readonly #pairs = { all: 0, same: 0, near: 0, present: 0, candidate: 0 };
  readonly #differences: Difference[] = [];
  readonly #incidents = new Map<Incident['kind'], FoundBy>();
  #earlier = newBlock();
  #block = newBlock();

  /** `blockSize`: recent judgements that limits are watched by, at least. */
  add(outcome: ReleaseOutcome, blockSize: number): void {
    if (outcome.type === 'detector-failed') return;
    if (outcome.type === 'pictures') return this.#addPictures(outcome);
    if (outcome.type === 'incident') return this.#addIncident(outcome);
    if (outcome.type === 'pair') {
      this.#tallies.present.add(outcome.present);
      this.#addCandidate(outcome.candidate, blockSize);
      return this.#compare(outcome);
    }
    if (outcome.way === 'candidate') this.#addCandidate(outcome.judgement, blockSize);
    else this.#tallies.present.add(outcome.judgement);
  }

  /** Of all judgements of the present way. */
  get present(): Tally {
    return this.#tallies.present;
  }

  /** One to two blocks, or fewer at the beginning. */
  recent(): RecentFigures {
    const [a, b] = [this.#earlier, this.#block];
    return { candidate: a.candidate.with(b.candidate), pairs: a.pairs + b.pairs, same: a.same + b.same };
  }

  view(): Figures {
    const { all, same, near, present, candidate } = this.#pairs;
    return {
      present: this.#way('present'),
      candidate: this.#way('candidate'),
      agreement:
        all === 0
          ? null
          : {
              pairs: all,
              matrix: structuredClone(this.#matrix),
              sameShare: same / all,
              withinOneStepShare: near / all,
              onlyPresent: present,
              onlyCandidate: candidate,
            },
      differences: this.#differences.toReversed(),
      incidents: Object.fromEntries([...this.#incidents].map(([kind, found]) => [kind, { ...found }])),
    };
  }

  #addCandidate(judgement: Judgement, blockSize: number): void {
    if (this.#block.candidate.judgements >= blockSize) {
      this.#earlier = this.#block;
      this.#block = newBlock();
    }
    this.#tallies.candidate.add(judgement);
    this.#block.candidate.add(judgement);
  }

  #compare(pair: Pair): void {
    if (pair.present.failure !== undefined || pair.candidate.failure !== undefined) return;
    const [present, candidate] = [pair.present.level, pair.candidate.level];
    this.#matrix[present][candidate] += 1;
    this.#pairs.all += 1;
    this.#block.pairs += 1;
    if (present === candidate) {
      this.#pairs.same += 1;
      this.#block.same += 1;
    }
    if (isNear(present, candidate)) this.#pairs.near += 1;
    if (isDangerous(present) === isDangerous(candidate)) return;
    const raisedBy = isDangerous(present) ? 'present' : 'candidate';
    this.#pairs[raisedBy] += 1;
    const { at, cameraId, requestId, groupId, cropId } = pair;
    this.#differences.push({ at, cameraId, requestId, groupId, cropId, present, candidate, raisedBy });
    if (this.#differences.length > MOST_DIFFERENCES) this.#differences.shift();
  }

  #addIncident({ kind, foundBy }: Incident): void {
    const found = this.#incidents.get(kind) ?? { both: 0, present: 0, candidate: 0 };
    const ways = WAYS.filter((way) => foundBy.includes(way));
    const [only = 'present'] = ways;
    found[ways.length === 2 ? 'both' : only] += 1;
    this.#incidents.set(kind, found);
  }

  #addPictures({ way, pictures, objects, detectMs, skipped }: Pictures): void {
    const sum = this.#pictures[way];
    sum.pictures += pictures;
    sum.objects += objects;
    sum.detectMs += detectMs;
    sum.skipped += skipped;
  }

  #way(way: ReleaseWay): WayFigures {
    const tally = this.#tallies[way];
    const { pictures, objects, detectMs, skipped } = this.#pictures[way];
    return {
      judgements: tally.judgements,
      failed: tally.failed,
      alerts: tally.alerts,
      levels: { ...tally.levels },
      unknownShare: tally.unknownShare,
      failedShare: tally.failedShare,
      latencyP50Seconds: tally.latency(0.5),
      latencyP95Seconds: tally.latency(0.95),
      cost: tally.cost,
      costPerJudgement: tally.costPerJudgement,
      pictures: {
        analysed: pictures,
        skipped,
        msPerPicture: share(detectMs, pictures),
        objectsPerPicture: share(objects, pictures),
      },
    };
  }
}

/** Whether only one of the two ways raised an alert about it. */
export const isDifference = ({ present, candidate }: Pair): boolean =>
  present.failure === undefined &&
  candidate.failure === undefined &&
  isDangerous(present.level) !== isDangerous(candidate.level);

const isNear = (a: RiskLevel, b: RiskLevel): boolean =>
  a === b || (a !== 'unknown' && b !== 'unknown' && Math.abs(STEPS.indexOf(a) - STEPS.indexOf(b)) === 1);

function noPictures(): Record<'pictures' | 'objects' | 'detectMs' | 'skipped', number> {
  return { pictures: 0, objects: 0, detectMs: 0, skipped: 0 };
}
