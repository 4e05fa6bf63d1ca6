/** Causes each fault. */
import type { Behaviour } from '../../src/simulator/simulator.types.ts';
import { decoderPids } from '../support/decoder-pids.ts';
import type { NodeOrder } from './record.ts';
import type { Fault, FaultKind } from './schedule.ts';
import { REAL_CAMERA, type World } from './world.ts';

/** Ends the fault. */
type Undo = () => void | Promise<void>;
type Doing = (world: World, fault: Fault) => Undo | Promise<Undo>;

/** How far a clock is set ahead, or back. */
const STEPS_MS = [15_000, -15_000, 3_000, -3_000];
const nothing = (): void => undefined;
const oneOf = ({ victim }: Fault, names: readonly [string, ...string[]]): string =>
  names[victim % names.length] ?? names[0];

const kill =
  (...names: readonly [string, ...string[]]): Doing =>
  (world, fault) => {
    world.process(oneOf(fault, names)).signal('SIGKILL');
    return nothing;
  };
const pause =
  (...names: readonly [string, ...string[]]): Doing =>
  (world, fault) => {
    const { pid } = world.process(oneOf(fault, names));
    return suspend(pid);
  };
const provider =
  (as: Behaviour): Doing =>
  (world) => {
    world.provider({ type: 'behave', as });
    return () => world.provider({ type: 'behave', as: null });
  };

function suspend(pid: number): Undo {
  process.kill(pid, 'SIGSTOP');
  return () => {
    try {
      process.kill(pid, 'SIGCONT');
    } catch {
      // Its own node has ended it meanwhile: it took the silence for the end of the stream.
    }
  };
}

/** Process id of a decoder of the node that reads the cameras. */
function decoderOf(world: World): number {
  const [pid] = decoderPids(world.process('cameras').pid);
  if (pid === undefined) throw new Error('there is no decoder now');
  return pid;
}

export const FAULT_OF: Readonly<Record<FaultKind, Doing>> = {
  'kill-nats': kill('nats'),
  'pause-nats': pause('nats'),
  'kill-redis': kill('redis'),
  'pause-redis': pause('redis'),
  'kill-scheduler': kill('scheduler-1', 'scheduler-2'),
  'pause-scheduler': pause('scheduler-1', 'scheduler-2'),
  'kill-aggregator': kill('aggregator-1', 'aggregator-2'),
  'pause-aggregator': pause('aggregator-1', 'aggregator-2'),
  'pause-cameras': pause('cameras'),
  'kill-camera-thread': (world) => {
    world.cameras({ type: 'sabotage', cameraId: REAL_CAMERA });
    return nothing;
  },
  'kill-decoder': (world) => {
    process.kill(decoderOf(world), 'SIGKILL');
    return nothing;
  },
  'pause-decoder': (world) => suspend(decoderOf(world)),
  'provider-hangs': provider({ kind: 'hang' }),
  'provider-429': provider({ kind: 'status', status: 429 }),
  'provider-5xx': provider({ kind: 'status', status: 503 }),
  'provider-garbage': provider({ kind: 'malformed' }),
  'full-disk': async (world) => {
    await world.limitStorage('nothing');
    return () => world.limitStorage('plenty');
  },
  flood: (world, { victim, forMs }) => {
    world.cameras({ type: 'emit', cameraIds: ['flood-1', 'flood-2'], everyMs: 40, seed: victim, forMs });
    return nothing;
  },
  'clock-step': (world, fault) => {
    const node = world.process(oneOf(fault, ['scheduler-1', 'aggregator-1', 'scheduler-2', 'aggregator-2']));
    const aheadMs = STEPS_MS[Math.floor(fault.victim / 4) % STEPS_MS.length] ?? 0;
    node.send({ type: 'clock', aheadMs } satisfies NodeOrder);
    return () => node.send({ type: 'clock', aheadMs: 0 } satisfies NodeOrder);
  },
};
