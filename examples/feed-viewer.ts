/**
 * Follows the live feed of a running Gantry and prints a line for each frame and each alert.
 *
 *   npm run example feed-viewer                                      http://127.0.0.1:8080, all cameras, until Ctrl-C
 *   npm run example feed-viewer -- http://10.0.0.5:8080 gate-1       one camera
 *   npm run example feed-viewer -- --frames 3                        ends after three frames
 *
 * Set GANTRY_TOKEN where Gantry requires an access token. After a lost connection the viewer connects again and sends
 * the last offset it has seen, so it misses no alert: see "Coming back" in docs/api.md.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Aggregate } from '../src/messages/aggregate.ts';

interface FeedMessage {
  readonly type: string;
  readonly offset?: string;
  readonly data: Record<string, unknown>;
}

const RECONNECT_MS = 1_000;
const { values, positionals } = parseArgs({ allowPositionals: true, options: { frames: { type: 'string' } } });
const [gantryUrl = 'http://127.0.0.1:8080', ...cameraIds] = positionals;
const mostFrames = Number(values.frames ?? Infinity);

let frames = 0;
/** The newest position in the feed; null until the first `connection_ack`. */
let position: { readonly since: string; readonly sinceTime: unknown } | null = null;

while (frames < mostFrames) {
  await follow().catch((error: Error) => console.error(`not connected: ${error.message}`));
  if (frames < mostFrames) await sleep(RECONNECT_MS);
}

/** Opens one connection and resolves when it is closed. Rejects when there was an error. */
async function follow(): Promise<void> {
  const address = new URL('/ws', gantryUrl.replace(/^http/, 'ws'));
  const ticket = await ticketOf(process.env['GANTRY_TOKEN']);
  if (ticket !== null) address.searchParams.set('ticket', ticket);
  const socket = new WebSocket(address);
  let failure: string | null = null;
  socket.addEventListener('error', () => (failure = `no WebSocket at ${address.origin}`));
  socket.addEventListener('open', () =>
    socket.send(JSON.stringify({ type: 'subscribe', data: { cameraIds, ...position } })),
  );
  socket.addEventListener('message', ({ data }) => {
    if (frames < mostFrames) show(JSON.parse(String(data)) as FeedMessage);
    if (frames >= mostFrames) socket.close();
  });
  await new Promise((resolve) => socket.addEventListener('close', resolve));
  if (failure !== null) throw new Error(failure);
}

/** A browser's WebSocket cannot send headers, so the token is exchanged for a ticket that is valid for 60 s. */
async function ticketOf(token: string | undefined): Promise<string | null> {
  if (token === undefined) return null;
  const headers = { authorization: `Bearer ${token}` };
  const reply = await fetch(new URL('/api/tickets', gantryUrl), { method: 'POST', headers });
  if (!reply.ok) throw new Error(`no ticket: status ${reply.status}`);
  return ((await reply.json()) as { ticket: string }).ticket;
}

function show({ type, offset, data }: FeedMessage): void {
  switch (type) {
    case 'connection_ack':
      position ??= { since: String(data['offset']), sinceTime: data['serverTime'] };
      return;
    case 'detection_result':
    case 'alert': {
      const { cameraId, timestamp, riskAssessment, publishedAt } = data as unknown as Aggregate;
      if (offset !== undefined && isLater(offset)) position = { since: offset, sinceTime: publishedAt };
      if (type === 'detection_result') frames += 1;
      console.log(`${type} ${cameraId} ${timestamp}: risk ${riskAssessment.maxRiskLevel} by ${riskAssessment.source}`);
      return;
    }
    default:
      console.log(`${type} ${JSON.stringify(data)}`);
  }
}

/** Within an epoch (one incarnation of the stream) the greatest number counts. Another epoch replaces it. */
function isLater(offset: string): boolean {
  const [epoch, number] = offset.split('-');
  const [knownEpoch, known] = position?.since.split('-') ?? [];
  return epoch !== knownEpoch || Number(number) > Number(known);
}
