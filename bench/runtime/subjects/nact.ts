import { loadNact, type NactRef } from '../peers.ts';
import { type Add, askOneByOne, type Subject, Tally, tellInThread } from '../subject.ts';

const { dispatch, query, spawn, start, stop } = loadNact();

type CounterMessage = Add | { readonly type: 'double'; readonly n: number; readonly sender: NactRef };

export function create(): Promise<Subject> {
  const system = start();
  const tally = new Tally();
  const counter = spawn(
    system,
    (_, message: CounterMessage) => {
      if (message.type === 'add') tally.add(message.by);
      else dispatch(message.sender, message.n * 2);
      return undefined;
    },
    'counter',
  );
  return Promise.resolve({
    measures: {
      'tell in thread': tellInThread(tally, (message) => dispatch(counter, message)),
      'ask in thread': askOneByOne((n) => query(counter, (sender) => ({ type: 'double', n, sender }), 10_000)),
      spawn: async (count) => {
        const began = performance.now();
        const spawned = Array.from({ length: count }, (_, n) => spawn(system, () => undefined, `idler-${n}`));
        const ms = performance.now() - began;
        for (const ref of spawned) stop(ref);
        // It stops them on later turns of the event loop.
        await new Promise((resolve) => setTimeout(resolve, 20));
        return ms;
      },
    },
    close: () => {
      stop(system);
      return Promise.resolve();
    },
  });
}

const kept: NactRef[] = [];

export function idle(count: number): Promise<void> {
  const system = start();
  for (let n = 0; n < count; n += 1) kept.push(spawn(system, () => undefined, `idler-${n}`));
  return Promise.resolve();
}
