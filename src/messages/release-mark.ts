import { z } from 'zod';

/** Name of a release, chosen by an operator: 1 to 40 of `a-z 0-9 -`, a token of a NATS subject. */
export const ReleaseId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'must be 1 to 40 characters of a-z 0-9 -, not beginning with -');
export type ReleaseId = z.infer<typeof ReleaseId>;

/** The two ways to judge while a release runs: as before it, and as it proposes. */
export const ReleaseWay = z.enum(['present', 'candidate']);
export type ReleaseWay = z.infer<typeof ReleaseWay>;

/** On everything that was judged while a release ran and chose its way. */
export const ReleaseMark = z.object({ releaseId: ReleaseId, way: ReleaseWay });
export type ReleaseMark = z.infer<typeof ReleaseMark>;
