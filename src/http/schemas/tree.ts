import { z } from 'zod';
import type { TreeSnapshot } from '../../runtime/inspect.ts';
import { IsoTime } from '../../messages/ids.ts';

const State = z.enum(['starting', 'running', 'backing-off', 'stopping', 'stopped', 'failed']);
const Failure = z.object({ at: IsoTime, code: z.string().nullable(), message: z.string() });

const ActorNode = z.object({
  type: z.literal('actor'),
  path: z.string(),
  kind: z.string(),
  state: State,
  placement: z.enum(['inline', 'thread']),
  incarnation: z.number(),
  restarts: z.number(),
  processed: z.number(),
  startedAt: z.string().nullable(),
  nextRestartAt: z.string().nullable(),
  lastFailure: Failure.nullable(),
  mailbox: z.object({
    depth: z.number(),
    capacity: z.number(),
    overflow: z.enum(['drop-oldest', 'refuse', 'back-pressure']),
    dropped: z.number(),
    refused: z.number(),
    oldestMs: z.number().nullable(),
  }),
  nativeInFlight: z.number(),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
});

/** Documents the tree in OpenAPI; the tree itself is typed by the runtime. */
const SupervisorNode = z.object({
  type: z.literal('supervisor'),
  path: z.string(),
  strategy: z.string(),
  dynamic: z.boolean(),
  state: State,
  intensity: z.object({ maxRestarts: z.number(), withinMs: z.number(), used: z.number() }),
  restarts: z.number(),
  lastFailure: Failure.nullable(),
  get children(): z.ZodArray<z.ZodType<TreeSnapshot>> {
    return z.array(TreeNode);
  },
});
export const TreeNode: z.ZodType<TreeSnapshot> = z.lazy(() => z.discriminatedUnion('type', [ActorNode, SupervisorNode]));

const DeadLetter = z.object({
  at: z.string(),
  path: z.string(),
  messageType: z.string(),
  reason: z.enum(['no-such-actor', 'mailbox-full', 'dropped-oldest', 'stopped', 'failed']),
});
export const TreeReply = z.object({ tree: TreeNode, deadLetters: z.object({ total: z.number(), recent: z.array(DeadLetter) }) });
