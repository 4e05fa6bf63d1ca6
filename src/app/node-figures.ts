import { z } from 'zod';
import { FLOW_STAGES } from '../http/schemas/system-schema.ts';
import { MOST } from '../messages/bounds.ts';
import { IsoTime } from '../messages/ids.ts';
import { ROLES } from './config.ts';

const count = z.int().min(0);

/** One stage of a process over its last minute. */
export const StageFigures = z.object({
  name: z.enum(FLOW_STAGES),
  perSecond: z.number().min(0),
  waiting: count,
  oldestMs: z.number().min(0).nullable(),
  shed: z.record(z.string().max(MOST.name), count),
  failed: count,
});
export type StageFigures = z.infer<typeof StageFigures>;

/** A process about itself, as it answers `gantry.node.figures`. */
export const NodeFigures = z.object({
  nodeId: z.string().max(MOST.name),
  roles: z.array(z.enum(ROLES)),
  version: z.string().max(MOST.name),
  startedAt: IsoTime,
  url: z.string().max(MOST.url).nullable(),
  cameras: count,
  stages: z.array(StageFigures).max(FLOW_STAGES.length),
});
export type NodeFigures = z.infer<typeof NodeFigures>;
