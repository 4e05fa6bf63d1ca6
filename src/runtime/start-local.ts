import { startTimeout } from './errors.ts';
import type { Incarnation } from './incarnation.ts';
import { LocalIncarnation, type LocalHost } from './local-incarnation.ts';
import type { ChildSpec } from './supervision.ts';
import { settlesWithin } from './time-limit.ts';

/** Starts an actor on this thread. Rejects with what its `start` threw, or `START_TIMEOUT`. */
export async function startLocal(host: LocalHost, spec: ChildSpec, incarnation: number): Promise<Incarnation> {
  const { startTimeoutMs, shutdownTimeoutMs } = spec;
  const started = new LocalIncarnation(host, incarnation);
  const starting = started.begin(spec.definition, spec.init());
  if (starting === null) return started;
  const outcome = await settlesWithin(host.clock, starting, startTimeoutMs);
  if (outcome.error !== null) throw outcome.error;
  if (!outcome.timedOut) return started;
  const ignore = (): void => undefined;
  starting.then(() => started.stop('removed', shutdownTimeoutMs)).then(ignore, ignore);
  throw startTimeout(host.path, startTimeoutMs);
}
