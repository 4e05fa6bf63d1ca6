import { z } from 'zod';
import { IsoTime } from '../../messages/ids.ts';

const count = z.int().min(0);

/** The stages that a frame passes, in its order; `bus` is NATS, which carries it between them. */
export const FLOW_STAGES = ['detect', 'bus', 'tasks', 'scheduler', 'calls', 'aggregator', 'feed'] as const;
export type FlowStageName = (typeof FLOW_STAGES)[number];

export const FlowReport = z.object({
  stages: z.array(
    z.object({
      name: z.enum(FLOW_STAGES),
      /** Processes that have the stage. */
      nodes: count,
      /** Handled over the last minute. */
      perSecond: z.number().min(0),
      /** In the stage's own queues; of `feed`: viewers that have not taken everything. */
      waiting: count,
      /** Age of the oldest of them; null while none waits, or where it is not known. */
      oldestMs: z.number().min(0).nullable(),
      /** Messages of the streams that the stage has not had yet; null where there is none, or while NATS is away. */
      lag: count.nullable(),
      /** Left out on purpose in the last minute, by the reason. */
      shed: z.array(z.object({ reason: z.string(), count })),
      /** In the last minute. */
      failed: count,
    }),
  ),
});
export type FlowReport = z.infer<typeof FlowReport>;

export const NodeList = z.object({
  nodes: z.array(
    z.object({
      nodeId: z.string(),
      /** `away`: it has not answered for half a minute; it is shown for ten minutes. */
      state: z.enum(['present', 'away']),
      roles: z.array(z.string()),
      version: z.string(),
      startedAt: IsoTime,
      /** Where its API listens, as it names itself; null before it listens. */
      url: z.string().nullable(),
      cameras: count,
      /** The process that answers this request. */
      here: z.boolean(),
      /** When it answered last. */
      seenAt: IsoTime,
    }),
  ),
});
export type NodeList = z.infer<typeof NodeList>;

export const SettingList = z.object({
  settings: z.array(
    z.object({
      name: z.string(),
      /** Of a secret only `set` or `not set`; addresses without passwords. */
      value: z.string(),
      /** `option`: given on the command line. */
      source: z.enum(['environment', 'option', 'default']),
      default: z.string(),
      meaning: z.string(),
    }),
  ),
});
export type SettingList = z.infer<typeof SettingList>;
