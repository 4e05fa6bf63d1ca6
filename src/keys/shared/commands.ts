/** The scripts of the limits with their arguments, and their replies read. Pure. */
import { randomUUID } from 'node:crypto';
import type { Demand } from './gate.ts';
import { ACQUIRE, JOIN, MOVE, REDIS_NAMES, REPORT, SYNC } from './gate-scripts.ts';
import type { LogEntry } from './node-share.ts';

export type Command = readonly [script: string, keyCount: number, ...keysAndArguments: (string | number)[]];

/** The fate of a permit: see `REPORT`. */
export interface Report {
  readonly budget: string;
  readonly id: string;
  readonly what: string;
}

/** Permits asked for of one budget, with ids from `prefix` and `first` on; `spare`: no request waits for them yet. */
export interface Wanted extends Demand {
  readonly first: number;
  readonly spare: boolean;
}

export interface Acquired {
  readonly redisNow: number;
  /** In the order of the request; `waitMs` 0: none was refused. */
  readonly budgets: readonly { readonly granted: number; readonly waitMs: number }[];
}

export interface Synced {
  readonly redisNow: number;
  readonly present: readonly string[];
  readonly nodes: number;
  /** Calls of each budget asked for, by Redis's clock. */
  readonly calls: readonly (readonly (readonly [id: string, at: number])[])[];
}

const { members, born, expected } = REDIS_NAMES;

export const acquire = (node: string, stamp: string, prefix: string, wanted: readonly Wanted[]): Command => [
  ACQUIRE,
  3 + wanted.length,
  members,
  born,
  expected,
  ...wanted.map(({ budget }) => REDIS_NAMES.budget(budget)),
  node,
  stamp,
  ...wanted.flatMap(({ first, count, spare, limits, guardMs }) => [
    prefix,
    first,
    count,
    spare ? 2 : 1,
    limits.length,
    ...limits.flatMap(({ limit, spanMs }) => [limit, spanMs + guardMs]),
  ]),
];

/** Null: Redis does not know this node. */
export function readAcquired(reply: unknown): Acquired | null {
  if (!isJoined(reply)) return null;
  const budgets = [];
  for (let i = 4; i + 1 < reply.length; i += 2)
    budgets.push({ granted: Number(reply[i]), waitMs: Number(reply[i + 1]) });
  return { redisNow: Number(reply[1]), budgets };
}

export const report = (reports: readonly Report[]): Command => [
  REPORT,
  reports.length,
  ...reports.map(({ budget }) => REDIS_NAMES.budget(budget)),
  ...reports.flatMap(({ id, what }) => [id, what]),
];

export const move = (from: string, to: string): Command => [MOVE, 2, REDIS_NAMES.budget(from), REDIS_NAMES.budget(to)];

/** `seenTo`: Redis's time from which on calls are asked for. */
export const sync = (
  node: string,
  stamp: string,
  budgets: readonly { readonly name: string; readonly seenTo: number }[],
): Command => [
  SYNC,
  3 + budgets.length,
  members,
  born,
  expected,
  ...budgets.map(({ name }) => REDIS_NAMES.budget(name)),
  node,
  stamp,
  ...budgets.map(({ seenTo }) => seenTo.toFixed(3)),
];

/** Null: Redis does not know this node. */
export function readSynced(reply: unknown): Synced | null {
  if (!isJoined(reply)) return null;
  return {
    redisNow: Number(reply[1]),
    present: Array.isArray(reply[2]) ? reply[2].map(String) : [],
    nodes: Number(reply[3]),
    calls: reply.slice(4).map(readCalls),
  };
}

/** `met`: nodes known before; `birth`: of the data known before. */
export const join = (
  node: string,
  met: number,
  birth: string,
  brought: readonly { readonly name: string; readonly entries: readonly LogEntry[] }[],
  now: number,
): Command => [
  JOIN,
  3 + brought.length,
  members,
  born,
  expected,
  ...brought.map(({ name }) => REDIS_NAMES.budget(name)),
  node,
  met,
  randomUUID(),
  birth,
  ...brought.flatMap(({ entries }) => [
    entries.length,
    ...entries.flatMap(({ id, at, own }) => [
      id,
      now - at,
      own ? 'own' : id.startsWith('assumed:') ? 'assumed' : 'other',
    ]),
  ]),
];

const isJoined = (reply: unknown): reply is unknown[] => Array.isArray(reply) && reply[0] !== 'unjoined';

function readCalls(flat: unknown): readonly (readonly [id: string, at: number])[] {
  if (!Array.isArray(flat)) return [];
  const calls: [string, number][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) calls.push([String(flat[i]), Number(flat[i + 1])]);
  return calls;
}
