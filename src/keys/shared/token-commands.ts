/** The scripts of the token limits with their arguments, and their replies read. Pure. */
import { randomUUID } from 'node:crypto';
import { TOKEN_SPAN_MS } from '../tokens.ts';
import type { Command } from './commands.ts';
import { REPORT_TOKENS, RESERVE_TOKENS, TOKEN_NAMES } from './token-scripts.ts';

/** One call of this node. */
export interface TokenCall {
  readonly budget: string;
  tokens: number;
  /** When it was over; null while it is not. */
  overAt: number | null;
  /** The same call in budgets that its key came to meanwhile. */
  readonly copies?: (readonly [id: string, call: TokenCall])[];
}

/** What Redis is told of a call: that it is over, not over yet (prolonged), or not made. */
export type TokenReport = readonly [id: string, call: TokenCall, what: 'over' | 'held' | 'refund'];

export interface Reserved {
  /** Names Redis's data: another name means that it was lost. */
  readonly born: string;
  readonly nodes: number;
  readonly granted: number;
  /** Until the next permit; 0: none was refused. */
  readonly waitMs: number;
}

/** Permits for `count` calls of so many tokens each, with ids from `prefix` and `first` on. */
export const reserveTokens = (
  budget: string,
  { limit, guardMs }: { readonly limit: number; readonly guardMs: number },
  asked: {
    readonly node: string;
    readonly prefix: string;
    readonly first: number;
    readonly count: number;
    readonly tokens: number;
  },
): Command => [
  RESERVE_TOKENS,
  5,
  TOKEN_NAMES.members,
  TOKEN_NAMES.expected,
  TOKEN_NAMES.born,
  TOKEN_NAMES.calls(budget),
  TOKEN_NAMES.weights(budget),
  asked.node,
  randomUUID(),
  asked.prefix,
  asked.first,
  asked.count,
  limit,
  TOKEN_SPAN_MS + guardMs + 1,
  asked.tokens,
];

/** `unjoined`: Redis does not know this node. Null for any other reply that is none. */
export function readReserved(reply: unknown): Reserved | 'unjoined' | null {
  if (!Array.isArray(reply)) return null;
  if (reply[0] === 'unjoined') return 'unjoined';
  return { born: String(reply[1]), nodes: Number(reply[2]), granted: Number(reply[3]), waitMs: Number(reply[4]) };
}

/** Ends are told as an age, so that no clock but Redis's counts; late is safe. */
export const reportTokens = (reports: readonly TokenReport[], now: number): Command => [
  REPORT_TOKENS,
  reports.length * 2,
  ...reports.flatMap(([, { budget }]) => [TOKEN_NAMES.calls(budget), TOKEN_NAMES.weights(budget)]),
  ...reports.flatMap(([id, { tokens, overAt }, what]) => [
    id,
    what === 'over' ? String(now - (overAt ?? now) - 1) : what,
    tokens,
  ]),
];
