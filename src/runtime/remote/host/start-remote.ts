import { asError, RuntimeError, startTimeout } from '../../errors.ts';
import type { Incarnation } from '../../incarnation.ts';
import { settlesWithin } from '../../time-limit.ts';
import { RemoteIncarnation } from './remote-incarnation.ts';
import type { Gateway, RemoteOwner } from './remote-owner.ts';
import { openProcess, openThread } from './worker-channel.ts';

const STOP_AFTER_FAILED_START_MS = 1_000;

/**
 * Starts an actor in a thread or process of its own. Rejects with what its `start` threw, `START_TIMEOUT`,
 * `THREAD_EXITED`, `PROCESS_EXITED`, or `BAD_DEFINITION` when its module or init cannot be had there.
 */
export async function startRemote(owner: RemoteOwner, incarnation: number, gateway: Gateway): Promise<Incarnation> {
  const { placement, startTimeoutMs, definition, init } = owner.spec;
  if (definition.module === null || placement.kind === 'inline')
    throw new RuntimeError('BAD_DEFINITION', `${owner.path} has no module to load elsewhere`, { path: owner.path });
  const open = placement.kind === 'thread' ? openThread : openProcess;
  const remote = new RemoteIncarnation(open(owner.path, placement), owner, incarnation, gateway);
  try {
    remote.begin(definition.module, init());
  } catch (thrown) {
    await remote.stop('restart', 0);
    throw new RuntimeError(
      'BAD_DEFINITION',
      `the init of ${owner.path} cannot cross to a ${placement.kind}: ${asError(thrown).message}`,
      { path: owner.path },
      thrown,
    );
  }
  const started = await settlesWithin(gateway.clock, remote.started, startTimeoutMs);
  if (!started.timedOut && started.error === null) return remote;
  await remote.stop('restart', STOP_AFTER_FAILED_START_MS);
  throw started.error ?? startTimeout(owner.path, startTimeoutMs);
}
