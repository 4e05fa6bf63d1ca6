import { loadXstate } from '../peers.ts';
import { type Add, type Subject, Tally, tellInThread } from '../subject.ts';

/** xstate has neither ask nor threads. A message is handled before `send` returns. */
const { createActor, fromTransition } = loadXstate();

export function create(): Promise<Subject> {
  const tally = new Tally();
  const logic = fromTransition<null, Add>((state, event) => {
    tally.add(event.by);
    return state;
  }, null);
  const counter = createActor(logic).start();
  return Promise.resolve({
    measures: {
      'tell in thread': tellInThread(tally, (message) => counter.send(message)),
      spawn: (count) => {
        const began = performance.now();
        const spawned = Array.from({ length: count }, () => createActor(logic).start());
        const ms = performance.now() - began;
        for (const actor of spawned) actor.stop();
        return Promise.resolve(ms);
      },
    },
    close: () => {
      counter.stop();
      return Promise.resolve();
    },
  });
}
