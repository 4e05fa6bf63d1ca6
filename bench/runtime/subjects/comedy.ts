import { fileURLToPath } from 'node:url';
import { loadComedy } from '../peers.ts';
import { type Add, askOneByOne, type Subject, Tally, TellAcross, tellInThread } from '../subject.ts';

export async function create(): Promise<Subject> {
  // Test mode: no log.
  const system = loadComedy()({ test: true });
  const root = await system.rootActor();
  const tally = new Tally();
  const near = await root.createChild(
    { add: (message: Add) => tally.add(message.by), double: (n: number) => n * 2 },
    { mode: 'in-memory' },
  );
  // Two slashes make an absolute path; one would start at the folder of package.json.
  const far = await root.createChild(`/${fileURLToPath(new URL('comedy-counter.cjs', import.meta.url))}`, {
    mode: 'threaded',
  });
  const failed = (error: unknown): never => {
    throw error;
  };
  return {
    measures: {
      'tell in thread': tellInThread(tally, (message) => void near.send('add', message).catch(failed)),
      'ask in thread': askOneByOne((n) => near.sendAndReceive('double', n)),
      'tell across threads': new TellAcross(() => far.sendAndReceive('handled', null)).oneByOne(
        (message) => void far.send('add', message).catch(failed),
      ),
      'ask across threads': askOneByOne((n) => far.sendAndReceive('double', n)),
    },
    close: () => system.destroy(),
  };
}
