// Started as a process of its own by leftover.test.ts, which kills it: runs one embedded server and prints its pid.
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import { memoryLog } from './support.ts';

const dataDir = process.argv[2];
if (dataDir === undefined) throw new Error('usage: orphan.ts FOLDER');
const server = await startNatsServer({ dataDir, log: memoryLog() });
process.stdout.write(`${server.pid()}\n`);
