/**
 * The world of the benchmark: cameras, the groups that pass before them, and the true danger of each over time. Seeded
 * and pure. `main.ts` states the noise in words.
 */
import type { RiskLevel } from '../../src/messages/assessment.ts';
import { hashText, seededRandom } from '../../src/simulator/random.ts';
import { type Kind, type Look, lookOf, type Seen, seenOf } from './scene.ts';

export type TrueLevel = Exclude<RiskLevel, 'unknown'>;

/** Of a hundred groups, by the worst level of their lives. */
const DECK: readonly (readonly [TrueLevel, number])[] = [
  ['none', 85],
  ['low', 10],
  ['medium', 3],
  ['high', 2],
];
/** A group's life in ms: each length between as likely on a scale of ratios. */
const SHORTEST_MS = 5_000;
const LONGEST_MS = 60_000;
const MEAN_LIFE_MS = (LONGEST_MS - SHORTEST_MS) / Math.log(LONGEST_MS / SHORTEST_MS);
/** Time between two frames of a camera, with its jitter as a share. */
export const FRAME_MS = 2_000;
const JITTER = 0.1;
/** One danger in five is there from the group's first frame; the others begin in the first 70 % of its life. */
const FROM_THE_START = 0.2;
const LATEST_ONSET = 0.7;
/** Half of the dangers last as long as the group, the others for 3 to 15 s. */
const LASTING = 0.5;
/** Share of the dangers whose features hint at it later than it begins, by up to `LATEST_HINT_MS`. */
const LATE_HINTS = 0.02;
const LATEST_HINT_MS = 2_000;
/** Share of the harmless groups that look like a danger for 2 to 8 s. */
const LOOKALIKES = 0.08;
/** Share of the groups whose first frame has no speeds yet: their road users are new as well. */
const SPEEDLESS = 0.25;

/** A span of epoch ms. */
export interface Spell {
  readonly from: number;
  readonly until: number;
}

export interface Group extends Spell {
  readonly camera: number;
  readonly groupId: string;
  /** Its worst level, true during `danger`; `none` before and after. */
  readonly level: TrueLevel;
  readonly danger: Spell | null;
  readonly kind: Kind;
  readonly plain: Look;
  /** Looks that it has for a time in place of the plain one. */
  readonly spells: readonly (Spell & { readonly look: Look })[];
  readonly speedless: boolean;
  readonly seed: number;
}

export interface GroupInFrame {
  readonly group: Group;
  readonly truth: TrueLevel;
  readonly seen: Seen;
}

export interface Frame {
  readonly camera: number;
  readonly at: number;
  readonly groups: readonly GroupInFrame[];
}

export interface WorldOptions {
  readonly cameras: number;
  readonly seconds: number;
  /** Of all cameras together, on average. */
  readonly groupsPerSecond: number;
  readonly seed: number;
}

export const truthAt = ({ level, danger }: Group, at: number): TrueLevel =>
  danger !== null && at >= danger.from && at < danger.until ? level : 'none';

/** All frames from 0 to `seconds`, in order of time. Frames without groups are among them. */
export function framesOf(options: WorldOptions): readonly Frame[] {
  const groups = Map.groupBy(groupsOf(options), ({ camera }) => camera);
  return Array.from({ length: options.cameras }, (_, camera) => {
    const random = seededRandom(hashText(`${options.seed} frames ${camera}`));
    const frames: Frame[] = [];
    const coming = (groups.get(camera) ?? []).toReversed();
    let present: readonly Group[] = [];
    const end = options.seconds * 1_000;
    for (let due = random() * FRAME_MS; due < end; due += FRAME_MS * (1 + JITTER * (2 * random() - 1))) {
      const at = Math.round(due);
      for (let next = coming.at(-1); next !== undefined && next.from <= at; next = coming.at(-1)) {
        present = [...present, next];
        coming.pop();
      }
      present = present.filter(({ until }) => at < until);
      frames.push(frameOf(camera, at, present));
    }
    return frames;
  })
    .flat()
    .toSorted((a, b) => a.at - b.at);
}

const frameOf = (camera: number, at: number, groups: readonly Group[]): Frame => ({
  camera,
  at,
  groups: groups.map((group) => ({ group, truth: truthAt(group, at), seen: seenAt(group, at) })),
});

/** Groups in order of their beginning, some of them before 0, so that the first frame is one as any other. */
function groupsOf({ cameras, seconds, groupsPerSecond, seed }: WorldOptions): readonly Group[] {
  const random = seededRandom(hashText(`${seed} groups`));
  // A group is asked about with each frame of its life.
  const gapMs = ((1_000 / groupsPerSecond) * MEAN_LIFE_MS) / FRAME_MS;
  const levels = shuffledDecks(random);
  const found: Group[] = [];
  for (let from = -LONGEST_MS; from < seconds * 1_000; from += -Math.log(1 - random()) * gapMs)
    found.push(newGroup(found.length + 1, Math.floor(random() * cameras), from, levels(), random));
  return found;
}

/** Levels in exact proportion in each hundred, so that short runs have as many dangers as long ones. */
function shuffledDecks(random: () => number): () => TrueLevel {
  let deck: TrueLevel[] = [];
  return () => {
    if (deck.length === 0)
      deck = DECK.flatMap(([level, count]) => Array.from({ length: count }, () => ({ level, order: random() })))
        .toSorted((a, b) => a.order - b.order)
        .map(({ level }) => level);
    return deck.pop() ?? 'none';
  };
}

function newGroup(number: number, camera: number, from: number, level: TrueLevel, random: () => number): Group {
  const life = SHORTEST_MS * (LONGEST_MS / SHORTEST_MS) ** random();
  const until = from + life;
  const kind = level === 'none' || level === 'low' ? kindOf(random, 0.2) : kindOf(random, 0);
  const danger = level === 'none' ? null : dangerOf(from, life, random);
  const late = isDanger(level) && random() < LATE_HINTS ? random() * LATEST_HINT_MS : 0;
  const hint =
    danger === null ? [] : [{ from: danger.from + late, until: danger.until, look: lookOf(kind, level, random) }];
  const alike = isDanger(level) || random() >= LOOKALIKES ? [] : [lookalike(kind, from, life, random)];
  return {
    camera,
    groupId: `g${number}`,
    from,
    until,
    level,
    danger,
    kind,
    plain: lookOf(kind, 'none', random),
    spells: [...alike, ...hint],
    speedless: random() < SPEEDLESS,
    seed: Math.floor(random() * 2 ** 32),
  };
}

export const isDanger = (level: TrueLevel): boolean => level === 'medium' || level === 'high';

function kindOf(random: () => number, personsOnly: number): Kind {
  const drawn = random();
  if (drawn < personsOnly) return 'persons';
  return drawn < personsOnly + (1 - personsOnly) / 2 ? 'person-and-vehicle' : 'vehicles';
}

function dangerOf(from: number, life: number, random: () => number): Spell {
  const onset = random() < FROM_THE_START ? from : from + random() * LATEST_ONSET * life;
  const end = from + life;
  return { from: onset, until: random() < LASTING ? end : Math.min(end, onset + 3_000 + random() * 12_000) };
}

function lookalike(kind: Kind, from: number, life: number, random: () => number): Spell & { readonly look: Look } {
  const begin = from + random() * LATEST_ONSET * life;
  const look = lookOf(kind, random() < 0.5 ? 'medium' : 'high', random);
  return { from: begin, until: begin + 2_000 + random() * 6_000, look };
}

function seenAt(group: Group, at: number): Seen {
  const { spells, plain, kind, from, speedless, seed } = group;
  const look = spells.find((spell) => at >= spell.from && at < spell.until)?.look ?? plain;
  const first = at - from < FRAME_MS * (1 - JITTER);
  return seenOf(kind, look, { withSpeeds: !(speedless && first), random: seededRandom(seed ^ Math.round(at)) });
}
