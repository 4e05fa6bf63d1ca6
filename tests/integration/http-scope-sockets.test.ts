import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { WebSocket } from 'ws';
import { aggregate } from '../support/http-samples.ts';
import { AS, NORTH, scopedServer, SOUTH } from '../support/scoped-world.ts';
import { until } from '../support/until.ts';

/** A WebSocket of `who`; notes what came, and its close code. */
async function connect(t: TestContext, url: string, who: string) {
  const socket = new WebSocket(url, { headers: { [AS]: who } });
  const seen = { text: '', closed: null as number | null };
  socket.on('message', (data: Buffer) => (seen.text += data.toString()));
  socket.on('close', (code) => (seen.closed = code));
  socket.on('error', () => undefined);
  t.after(() => socket.terminate());
  await until('it is open', () => (socket.readyState === WebSocket.OPEN ? true : null));
  return { socket, seen };
}

test('a real viewer of a group gets its cameras only, and is disconnected when its access ends', async (t) => {
  const { server, world } = await scopedServer();
  t.after(() => server.close());
  const base = await server.listen('127.0.0.1', 0);
  const url = `${base.replace('http', 'ws')}/ws`;
  const [own, all] = [await connect(t, url, `viewer ${NORTH}`), await connect(t, url, 'viewer')];
  for (const { socket } of [own, all]) socket.send('{"type":"subscribe"}');
  await until('the newest frames', () =>
    [own, all].every(({ seen }) => seen.text.includes('"detection_result"')) ? true : null,
  );
  for (const camera of [SOUTH, NORTH]) server.feed.publish(aggregate(camera, { risk: 'high' }));
  await until('the alerts', () =>
    own.seen.text.includes('"alert"') && all.seen.text.includes('"alert"') ? true : null,
  );
  server.feed.publishShelves(world.desk.shelves());
  await until('the shelves', () =>
    own.seen.text.includes('north is being') && all.seen.text.includes('south is being') ? true : null,
  );
  assert.doesNotMatch(own.seen.text, /south/u);

  const events = new AbortController();
  t.after(() => events.abort());
  const followed = await fetch(`${base}/api/supervisor/events`, {
    headers: { [AS]: `viewer ${NORTH}` },
    signal: events.signal,
  });
  const ended = followed.text().then(
    () => 'ended',
    () => 'cut',
  );
  assert.equal(
    server.openConnections.end(({ principal: { name } }) => name === `viewer-of-${NORTH}`),
    2,
  );
  await until('it is closed', () => own.seen.closed);
  assert.equal(own.seen.closed, 1008);
  assert.equal(all.seen.closed, null);
  assert.equal(await ended, 'cut');
});
