/**
 * `npm run bench:pipeline [-- --help]`: how much time Gantry adds to the provider's, and at which CPU.
 *
 * Simulated cameras publish detections, with their pictures stored, to a whole Gantry; a viewer on its WebSocket notes
 * when the aggregate of each arrives. The provider's own record of the frame's last call, from the arrival of the
 * request to the end of the answer, is subtracted: HTTP, queues, leases and stores are Gantry's.
 * All processes (Gantry, nats-server, redis-server, provider, load, viewer) share this machine.
 */
import { loadavg } from 'node:os';
import { machine, print, resultOf } from '../harness.ts';
import { measureAlone } from './alone.ts';
import { readPipelineOptions } from './options.ts';
import { measurePair } from './paired.ts';
import { jsonRoundTripUs } from './yardstick.ts';

const options = readPipelineOptions(process.argv.slice(2));
const before = [
  resultOf('load average before', 'machine', '', [loadavg()[0] ?? 0]),
  resultOf(
    'yardstick before: a frame as JSON, written and read',
    'machine',
    'us',
    Array.from({ length: 5 }, () => jsonRoundTripUs(2_000)),
  ),
];
const { results, bars } =
  options.against === null ? await measureAlone(options) : await measurePair(options.against, options);
print({ name: 'bench:pipeline', machine: machine(), results: [...results, ...before], bars }, options);
