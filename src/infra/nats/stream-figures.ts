import { type JetStreamManager, RetentionPolicy, type StreamConfig } from 'nats';
import { z } from 'zod';
import { streams } from '../../messages/subjects.ts';

/** The content of a stream at one moment, in numbers. Times in ms since the epoch. */
export const StreamFigures = z.object({
  name: z.string().max(200),
  /** 0 in a stream that never held a message. */
  firstSeq: z.int().min(0),
  lastSeq: z.int().min(0),
  messages: z.int().min(0),
  bytes: z.int().min(0),
  firstAt: z.number(),
  lastAt: z.number(),
  /**
   * `log`: messages are removed by age and size only, oldest first. `kept`: some are replaced or deleted too. `queue`:
   * they are removed when they are acknowledged, which the server may still be about to do when it is asked.
   */
  kind: z.enum(['log', 'kept', 'queue']),
  /** 0: no bound. */
  maxAgeMs: z.number().min(0),
  maxBytes: z.number(),
});
export type StreamFigures = z.infer<typeof StreamFigures>;

export interface Loss {
  readonly stream: string;
  readonly messages: number;
  /** Messages that the stream had. */
  readonly of: number;
}

const NS_PER_MS = 1_000_000;
/** Beyond this share of its bound in bytes a stream may remove its oldest messages at any time. */
const NEARLY_FULL = 0.8;

/** The figures of every stream of the server. Rejects with the client's error. */
export async function readStreamFigures(jsm: JetStreamManager): Promise<StreamFigures[]> {
  const figures: StreamFigures[] = [];
  for await (const { config, state } of jsm.streams.list()) {
    figures.push({
      name: config.name,
      firstSeq: state.first_seq,
      lastSeq: state.last_seq,
      messages: state.messages,
      bytes: state.bytes,
      firstAt: Date.parse(state.first_ts) || 0,
      lastAt: Date.parse(state.last_ts) || 0,
      kind: kindOf(config),
      maxAgeMs: config.max_age / NS_PER_MS,
      maxBytes: config.max_bytes,
    });
  }
  return figures;
}

function kindOf(config: Pick<StreamConfig, 'name' | 'retention' | 'max_msgs_per_subject'>): StreamFigures['kind'] {
  if (config.retention !== RetentionPolicy.Limits) return 'queue';
  return config.max_msgs_per_subject > 0 || config.name === streams.deadLetters ? 'kept' : 'log';
}

export interface Compared {
  readonly before: readonly StreamFigures[];
  readonly now: readonly StreamFigures[];
  /** Ms since the epoch. */
  readonly at: number;
  /** Nobody used the server between `before` and `now`. */
  readonly untouched: boolean;
}

/**
 * Messages that a server no longer has although no bound removed them: their files were cut, damaged or deleted, and
 * nats-server repairs that silently. Never reports too many: a message that age or size may have removed is no loss.
 * Pure.
 */
export function lossesOf({ before, now, at, untouched }: Compared): Loss[] {
  const byName = new Map(now.map((figures) => [figures.name, figures]));
  return before.flatMap((was) => {
    const is = byName.get(was.name);
    const messages = missing(was, is ?? { firstSeq: 0, lastSeq: 0, messages: 0 }, at, untouched);
    return messages > 0 ? [{ stream: was.name, messages, of: was.messages }] : [];
  });
}

function missing(
  was: StreamFigures,
  is: Pick<StreamFigures, 'firstSeq' | 'lastSeq' | 'messages'>,
  at: number,
  untouched: boolean,
): number {
  if (was.messages === 0 || isPast(was.lastAt, was, at)) return 0;
  const wentBack = is.lastSeq < was.lastSeq;
  const isSteady = was.kind === 'log' || (was.kind === 'kept' && untouched);
  if (!isSteady && !wentBack) return 0;
  const kept = Math.max(0, is.messages - Math.max(0, is.lastSeq - was.lastSeq));
  const gone = was.messages - kept;
  const mayHaveLetGo = isPast(was.firstAt, was, at) || (was.maxBytes > 0 && was.bytes > NEARLY_FULL * was.maxBytes);
  if (!mayHaveLetGo) return gone;
  // A bound may have removed the oldest, up to what is now the first. An empty stream has no first.
  return wentBack
    ? Math.min(gone, was.lastSeq - is.lastSeq)
    : is.messages === 0
      ? 0
      : gone - Math.max(0, is.firstSeq - was.firstSeq);
}

/** With a second of grace: the clocks of server and program may differ a little. */
const isPast = (time: number, { maxAgeMs }: StreamFigures, at: number): boolean =>
  maxAgeMs > 0 && time + maxAgeMs <= at + 1_000;
