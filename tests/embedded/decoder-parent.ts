// Started as a process of its own by decoders.test.ts, which kills it: opens a decoder and prints its process id.
import { openDecoders } from '../../src/decoding/decoders.ts';
import { memoryLog } from '../support/log.ts';

openDecoders({
  count: 1,
  log: memoryLog(),
  onProcess: (event, pid) => {
    if (event === 'began') process.stdout.write(`${pid}\n`);
  },
});
