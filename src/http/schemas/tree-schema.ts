import { z } from 'zod';
import type { ActorSnapshot, SupervisorSnapshot } from '../../runtime/inspect.ts';
import { IsoTime } from '../../messages/ids.ts';

const State = z.enum(['starting', 'running', 'backing-off', 'stopping', 'stopped', 'exited', 'failed']);
const Failure = z.object({ at: IsoTime, code: z.string().nullable(), message: z.string() });

const at = { at: IsoTime, path: z.string() };
/** What happened to an actor. */
export const SupervisorEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('started'), ...at, incarnation: z.number() }),
  z.object({ type: z.literal('failed'), ...at, failure: Failure }),
  z.object({ type: z.literal('exited'), ...at, reason: z.enum(['normal', 'shutdown']) }),
  z.object({ type: z.literal('restarting'), ...at, delayMs: z.number(), because: z.string() }),
  z.object({ type: z.literal('escalated'), ...at, failure: Failure }),
  z.object({ type: z.literal('stopped'), ...at, forced: z.boolean() }),
  z.object({ type: z.literal('mailbox-full'), ...at, capacity: z.number() }),
  z.object({ type: z.literal('quarantined'), ...at }),
]);
export type SupervisorEvent = z.infer<typeof SupervisorEvent>;

const node = {
  path: z.string(),
  state: State,
  /** One sentence: why it is in this state, and whether a failure now would be more than a restart. */
  why: z.string(),
  restart: z.enum(['permanent', 'transient', 'temporary']),
  significant: z.boolean(),
  restarts: z.number(),
  lastFailure: Failure.nullable(),
  nextRestartAt: z.string().nullable(),
  nextBackoffMs: z.number(),
  /** What its supervisor would do at the next failure. */
  onNextFailure: z.enum(['restart', 'restart-group', 'escalate', 'end', 'end-supervisor']).nullable(),
  events: z.array(SupervisorEvent),
};

interface Why {
  readonly why: string;
}
/** A node of the tree as the API shows it. */
export type ExplainedNode =
  | (ActorSnapshot & Why)
  | (Omit<SupervisorSnapshot, 'children'> & Why & { readonly children: readonly ExplainedNode[] });

const ActorNode = z.object({
  type: z.literal('actor'),
  ...node,
  kind: z.string(),
  placement: z.enum(['inline', 'thread', 'process']),
  incarnation: z.number(),
  processed: z.number(),
  startedAt: z.string().nullable(),
  mailbox: z.object({
    depth: z.number(),
    capacity: z.number(),
    overflow: z.enum(['drop-oldest', 'refuse', 'back-pressure']),
    dropped: z.number(),
    refused: z.number(),
    oldestMs: z.number().nullable(),
  }),
  busyShare: z.number(),
  nativeInFlight: z.number(),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
});

/** Documents the tree in OpenAPI; the tree itself is typed by the runtime. */
const SupervisorNode = z.object({
  type: z.literal('supervisor'),
  ...node,
  strategy: z.enum(['one-for-one', 'one-for-all', 'rest-for-one']),
  autoShutdown: z.enum(['never', 'any-significant', 'all-significant']),
  dynamic: z.boolean(),
  intensity: z.object({ maxRestarts: z.number(), withinMs: z.number(), used: z.number(), left: z.number() }),
  get children(): z.ZodArray<z.ZodType<ExplainedNode>> {
    return z.array(TreeNode);
  },
});
export const TreeNode: z.ZodType<ExplainedNode> = z.lazy(() =>
  z.discriminatedUnion('type', [ActorNode, SupervisorNode]),
);

const DeadLetter = z.object({
  at: z.string(),
  path: z.string(),
  messageType: z.string(),
  reason: z.enum(['no-such-actor', 'mailbox-full', 'dropped-oldest', 'stopped', 'failed', 'no-credit']),
});
export const TreeReply = z.object({
  tree: TreeNode,
  /** Actors of cameras outside the scope, which the tree leaves out. */
  others: z.int().min(0),
  deadLetters: z.object({ total: z.number(), recent: z.array(DeadLetter) }),
});
export type TreeReply = z.infer<typeof TreeReply>;

export const RestartBody = z.strictObject({
  path: z
    .string()
    .regex(/^(\/[A-Za-z0-9_.-]{1,64}){1,8}$/, 'must be the path of an actor or supervisor, as the tree shows it'),
});
export const RestartReply = z.object({ restarted: z.string() });
