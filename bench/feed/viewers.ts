/** All viewers of one server, in a process of their own: they count messages and measure latencies. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { publishedAt, nowUs, type ViewerOrder, type ViewerReport } from './protocol.ts';

const AT_ONCE = 50;
const MOST_SAMPLES = 2_000_000;
/** Messages shorter than this are greetings. */
const SCENE_BYTES = 1_000;

const latencies = new Float64Array(MOST_SAMPLES);
let messages = 0;
let bytes = 0;
let url = '';
let stalled: WebSocket | null = null;

async function view(): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  socket.send('{"type":"subscribe"}');
  return socket;
}

async function connect(viewers: number): Promise<void> {
  for (let opened = 0; opened < viewers; opened += AT_ONCE) {
    const sockets = await Promise.all(Array.from({ length: Math.min(AT_ONCE, viewers - opened) }, view));
    for (const socket of sockets) {
      socket.on('message', (data: Buffer) => {
        if (data.length < SCENE_BYTES) return;
        if (messages < MOST_SAMPLES) latencies[messages] = nowUs() - publishedAt(data);
        messages += 1;
        bytes += data.length;
      });
      socket.on('close', (code) => {
        console.error(`a viewer lost its connection: ${code}`);
        process.exit(1);
      });
    }
  }
}

function report(): ViewerReport {
  const sorted = latencies.subarray(0, Math.min(messages, MOST_SAMPLES)).toSorted();
  const at = (share: number): number => (sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN) / 1_000;
  return { messages, bytes, p50: at(0.5), p99: at(0.99) };
}

async function obey(order: ViewerOrder): Promise<void> {
  if (order.type === 'connect') {
    ({ url } = order);
    await connect(order.viewers);
  } else if (order.type === 'begin') messages = bytes = 0;
  else if (order.type === 'stall') {
    stalled = await view();
    stalled.pause();
  } else if (order.type === 'unstall') stalled?.terminate();
  process.send?.(report());
}

process.on('message', (order: ViewerOrder) => void obey(order));
process.on('disconnect', () => process.exit(0));
