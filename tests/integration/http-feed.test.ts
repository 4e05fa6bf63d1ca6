import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { WebSocket, type ClientOptions } from 'ws';
import type { HttpServerOptions } from '../../src/http/server.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { aggregate, statusOf } from '../support/http-samples.ts';
import { until } from '../support/until.ts';

interface Message {
  readonly type: string;
  readonly data: Record<string, unknown>;
}
type Server = Awaited<ReturnType<typeof fakeServer>>;

/** A viewer on a real socket. */
class Client {
  readonly messages: Message[] = [];
  readonly socket: WebSocket;
  closed: { code: number; reason: string } | null = null;
  /** HTTP status of a refused opening. */
  refused: number | null = null;

  constructor(url: string, options: ClientOptions = {}) {
    this.socket = new WebSocket(url, options);
    this.socket.on('message', (data) => this.messages.push(JSON.parse((data as Buffer).toString())));
    this.socket.on('close', (code, reason) => (this.closed = { code, reason: String(reason) }));
    this.socket.on('unexpected-response', (request, response) => {
      this.refused = response.statusCode ?? 0;
      request.destroy();
    });
    this.socket.on('error', () => undefined);
  }
  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }
  of(type: string): Record<string, unknown>[] {
    return this.messages.filter((message) => message.type === type).map((message) => message.data);
  }
  first(type: string): Promise<Record<string, unknown>> {
    return until(`a message "${type}"`, () => this.of(type)[0] ?? null);
  }
}

describe('WebSocket feed', () => {
  let server: Server | null = null;
  const clients: Client[] = [];
  let base = '';

  const serve = async (world: FakeWorld, options: Partial<HttpServerOptions> = {}): Promise<Server> => {
    server = await fakeServer(world, options);
    base = (await server.listen('127.0.0.1', 0)).replace('http', 'ws');
    return server;
  };
  const join = async (path = '/ws', options: ClientOptions = {}): Promise<Client> => {
    const client = new Client(`${base}${path}`, options);
    clients.push(client);
    await until(
      'the opening to end',
      () => client.socket.readyState !== WebSocket.CONNECTING || client.refused !== null,
    );
    return client;
  };
  afterEach(async () => {
    for (const client of clients.splice(0)) client.socket.terminate();
    await server?.close();
    server = null;
  });

  it('gives a viewer the present state and then what happens', async () => {
    const world = new FakeWorld().add('north', 'south');
    const kept = aggregate('north');
    world.latest.set('north', kept);
    const { feed } = await serve(world);
    const client = await join();
    assert.match(String((await client.first('connection_ack'))['connectionId']), /-/u);
    client.send({ type: 'subscribe', data: { cameraIds: ['north'] } });
    assert.equal((await client.first('detection_result'))['requestId'], kept.requestId);
    assert.equal((await client.first('camera_status'))['status'], 1);
    feed.publish(aggregate('south', { risk: 'high' }));
    const danger = aggregate('north', { risk: 'high' });
    feed.publish(danger);
    feed.publishStatus(statusOf('north', 'fault'));
    assert.deepEqual(await client.first('alert'), danger);
    await until('the fault', () => client.of('camera_status').some((data) => data['status'] === 2));
    assert.deepEqual(
      client.of('detection_result').map((data) => data['requestId']),
      [kept.requestId, danger.requestId],
    );
  });

  it('lets programs and pages of this host in, pages of others not', async () => {
    await serve(new FakeWorld());
    assert.equal((await join('/ws', { origin: base.replace('ws', 'http') })).refused, null);
    assert.equal((await join('/ws', { origin: 'http://evil.example' })).refused, 403);
    assert.equal(
      (await join('/ws', { headers: { host: 'rebind.example' }, origin: 'http://rebind.example' })).refused,
      421,
    );
  });

  it('needs the token in a header, or a ticket in the query for as long as it is good', async () => {
    const clock = new ManualClock(Date.now());
    await serve(new FakeWorld().add('north'), { token: 'letmein', clock, limits: { heartbeatMs: 10 * 60_000 } });
    const bearer = { authorization: 'Bearer letmein' };
    const issued = await fetch(`${base.replace('ws', 'http')}/api/tickets`, { method: 'POST', headers: bearer });
    const { ticket } = (await issued.json()) as { ticket: string };
    assert.equal((await join()).refused, 401);
    assert.equal((await join('/ws?token=letmein')).refused, 401, 'addresses end up in logs');
    assert.equal((await join('/ws?ticket=no')).refused, 401);
    assert.equal((await join('/ws/live/north')).refused, 401);
    assert.equal((await join(`/ws/live/north?ticket=${ticket}`)).refused, 503, 'let in, but there is no video');
    assert.equal((await join('/ws', { headers: bearer })).refused, null);
    const viewer = await join(`/ws?ticket=${ticket}`);
    assert.equal(viewer.refused, null);
    await clock.advance(60_001);
    assert.equal((await join(`/ws?ticket=${ticket}`)).refused, 401);
    assert.equal(viewer.closed, null, 'who came in stays');
  });

  it('lets pages of allowed hosts and origins in, whatever a proxy made of Host', async () => {
    await serve(new FakeWorld(), {
      allowedHosts: ['gantry.example', 'cams.example:8443'],
      corsOrigins: ['https://portal.example'],
    });
    const from = async (origin: string): Promise<number | null> => {
      const { refused, socket } = await join('/ws', { origin, headers: { host: '127.0.0.1:8080' } });
      return socket.readyState === WebSocket.OPEN ? 101 : refused;
    };
    const ours = ['https://gantry.example', 'http://Gantry.Example:9090', 'https://cams.example:8443'];
    for (const origin of [...ours, 'https://portal.example']) assert.equal(await from(origin), 101, origin);
    const strange = ['null', 'https://evil.example', 'https://cams.example', 'http://portal.example', 'file://'];
    const alike = ['https://gantry.example.evil.example', 'https://gantry.example@evil.example'];
    for (const origin of [...strange, ...alike]) assert.equal(await from(origin), 403, origin);
  });

  it('takes a client that asks for a protocol, and a slash at the end', async (t) => {
    await serve(new FakeWorld());
    const asked = new WebSocket(`${base}/ws/`, ['gantry', 'other']);
    t.after(() => asked.terminate());
    await once(asked, 'open');
    assert.equal(asked.protocol, 'gantry');
  });

  it('refuses more sockets than the bound, and takes new ones when some have gone', async () => {
    const { figures } = await serve(new FakeWorld(), { limits: { maxSocketsPerIp: 2 } });
    const first = await join();
    await join();
    assert.equal((await join()).refused, 429);
    assert.equal(figures().refusedViewers, 1);
    first.socket.close();
    await until('the first to be gone', () => figures().viewers === 1);
    assert.equal((await join()).refused, null);
  });

  it('refuses more sockets than the bound for all addresses together, live video included', async () => {
    const { figures } = await serve(new FakeWorld().add('north'), { limits: { maxSockets: 1 } });
    await join();
    assert.deepEqual([(await join()).refused, (await join('/ws/live/north')).refused], [429, 429]);
    assert.equal(figures().refusedViewers, 2);
  });

  it('tells a slow viewer how far behind it is once it reads again', async () => {
    const { feed, figures } = await serve(new FakeWorld().add('north'), { limits: { softBytes: 10_000 } });
    const slow = await join();
    slow.send({ type: 'subscribe' });
    await slow.first('camera_status');
    slow.socket.pause();
    feed.begin('e', 0);
    const description = 'x'.repeat(20_000);
    let seq = 0;
    while (figures().droppedFrames < 5 && seq < 3_000) {
      seq += 1;
      const frame = aggregate('north', { timestamp: new Date(1_700_000_000_000 + seq).toISOString() });
      feed.publish(
        {
          ...frame,
          riskAssessment: { ...frame.riskAssessment, results: [{ ...frame.riskAssessment.results[0]!, description }] },
        },
        { seq, through: seq },
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(figures().lagging, 1);
    assert.ok(figures().bytesWaiting > 10_000);
    slow.socket.resume();
    const lag = await slow.first('lag');
    assert.equal(lag['framesSkipped'], figures().droppedFrames);
    assert.match(String(lag['since']), /^e-\d+$/u);
    await until('it to have caught up', () => figures().lagging === 0 && figures().bytesWaiting === 0);
  });

  it('survives malformed messages, and closes whoever sends too many or too large ones', async () => {
    const { feed } = await serve(new FakeWorld().add('north'), { limits: { maxBadMessages: 3, messageBytes: 1_000 } });
    const good = await join();
    good.send({ type: 'subscribe' });
    const bad = await join();
    bad.send('{');
    bad.send({ type: 'subscribe', data: { cameraIds: [7] } });
    bad.socket.send(Buffer.from([1, 2, 3]));
    await until('the close', () => bad.closed);
    assert.deepEqual(
      bad.of('error').map((data) => data['field']),
      ['message', 'data.cameraIds[0]', 'message'],
    );
    assert.equal(bad.closed!.code, 1008);
    const large = await join();
    large.send('x'.repeat(2_000));
    await until('the close', () => large.closed);
    assert.equal(large.closed!.code, 1009);
    await good.first('camera_status');
    feed.publish(aggregate('north'));
    await good.first('detection_result');
  });

  it('drops a viewer that went silent', async () => {
    const { figures } = await serve(new FakeWorld(), { limits: { heartbeatMs: 100 } });
    const client = await join('/ws', { autoPong: false });
    await until('its end', () => client.closed);
    await until('its absence', () => figures().viewers === 0);
  });

  it('keeps a viewer that reads nothing from slowing or filling the server', async (t) => {
    const { feed, figures } = await serve(new FakeWorld().add('north'), {
      limits: { softBytes: 50_000, hardBytes: 400_000, alertQueue: 1_000 },
    });
    const quick = await join();
    quick.send({ type: 'subscribe' });
    await quick.first('camera_status');
    const port = Number(new URL(base).port);
    const slow = connect(port, '127.0.0.1');
    t.after(() => slow.destroy());
    await once(slow, 'connect');
    slow.write(
      'GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    await once(slow, 'data');
    // A masked text frame with mask 0: {"type":"subscribe"}
    const request = Buffer.from('{"type":"subscribe"}');
    slow.write(Buffer.concat([Buffer.from([0x81, 0x80 | request.length, 0, 0, 0, 0]), request]));
    await once(slow, 'data');
    slow.pause();
    const description = 'x'.repeat(20_000);
    let sent = 0;
    while (figures().closedSlow === 0 && sent < 3_000) {
      const frame = aggregate('north', { risk: 'high', timestamp: new Date(1_700_000_000_000 + sent).toISOString() });
      feed.publish({
        ...frame,
        riskAssessment: { ...frame.riskAssessment, results: [{ ...frame.riskAssessment.results[0]!, description }] },
      });
      sent += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(figures().closedSlow, 1);
    assert.ok(figures().droppedFrames > 0);
    await until('everything to reach the quick one', () => quick.of('alert').length === sent);
  });

  it('tells viewers when the server stops', async () => {
    const running = await serve(new FakeWorld());
    const client = await join();
    await running.close();
    server = null;
    await until('the close', () => client.closed);
    assert.equal(client.closed!.code, 1001);
  });

  it('refuses live video of unknown cameras, and without ffmpeg', async () => {
    await serve(new FakeWorld().add('north'));
    assert.equal((await join('/ws/live/nobody')).refused, 404);
    assert.equal((await join('/ws/live/..%2f')).refused, 400);
    assert.equal((await join('/ws/live/north')).refused, 503);
  });
});
