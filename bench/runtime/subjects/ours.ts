import type { ActorLog } from '../../../src/runtime/actor.ts';
import { type ActorRef, address } from '../../../src/runtime/ref.ts';
import { child, dynamic, supervisor } from '../../../src/runtime/supervision.ts';
import { type ActorSystem, startSystem } from '../../../src/runtime/system.ts';
import { type Add, askOneByOne, type Subject, Tally, TellAcross, tellInThread } from '../subject.ts';
import { counter, type CounterMessage, idler, threadCounter } from './ours-actors.ts';

const TIMEOUT = { timeoutMs: 10_000 };
/** Number of starts awaited together. */
const STARTS = 1_000;

const complain = (_: object, message: string): void => {
  throw new Error(message);
};
const log: ActorLog = { debug: () => undefined, info: () => undefined, warn: complain, error: complain };
const onEscalation = (error: Error): never => {
  throw error;
};

export async function create(): Promise<Subject> {
  const tally = new Tally();
  const tree = supervisor('root', [
    child('near', counter, () => tally),
    child('far', threadCounter, () => null, { placement: { kind: 'thread' } }),
    dynamic('members'),
  ]);
  const system = await startSystem(tree, { log, onEscalation });
  const near = system.ref(address<CounterMessage>('/near'));
  const far = system.ref(address<CounterMessage>('/far'));
  const ask = (ref: ActorRef<CounterMessage>) => (n: number) => ref.ask({ type: 'double', n }, TIMEOUT);
  const tell = (ref: ActorRef<CounterMessage>) => (message: Add) => {
    const outcome = ref.tell(message);
    if (outcome !== 'accepted') throw new Error(`a tell was ${outcome}`);
  };
  return {
    measures: {
      'tell in thread': tellInThread(tally, tell(near)),
      'ask in thread': askOneByOne(ask(near)),
      'tell across threads': new TellAcross(() => far.ask({ type: 'handled' }, TIMEOUT)).oneByOne(tell(far)),
      'ask across threads': askOneByOne(ask(far)),
      spawn: async (count) => {
        const began = performance.now();
        await startIdlers(system, count);
        const ms = performance.now() - began;
        for (let n = 0; n < count; n += 1) await system.stopChild(`/members/idler-${n}`);
        return ms;
      },
    },
    close: () => system.stop(),
  };
}

let kept: ActorSystem | null = null;

/** Makes `count` idle actors and keeps them as long as the process. */
export async function idle(count: number): Promise<void> {
  kept ??= await startSystem(supervisor('root', [dynamic('members')]), { log, onEscalation });
  await startIdlers(kept, count);
}

async function startIdlers(system: ActorSystem, count: number): Promise<void> {
  for (let from = 0; from < count; from += STARTS) {
    const starts = Array.from({ length: Math.min(STARTS, count - from) }, (_, n) =>
      system.startChild(
        '/members',
        child(`idler-${from + n}`, idler, () => null),
      ),
    );
    await Promise.all(starts);
  }
}
