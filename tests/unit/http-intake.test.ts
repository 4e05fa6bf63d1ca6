import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { readConfig } from '../../src/app/config.ts';
import { HttpError } from '../../src/http/errors/http-error.ts';
import { readFeedRequest } from '../../src/http/feed/feed-protocol.ts';
import { BodyPace } from '../../src/http/intake/body-pace.ts';
import { clientAddress } from '../../src/http/intake/client-address.ts';
import { Connections, type Droppable } from '../../src/http/intake/connections.ts';
import { MAX_JSON_DEPTH, MAX_JSON_PARTS, readJson, readJsonBytes } from '../../src/http/intake/json-body.ts';
import { Uploads } from '../../src/http/intake/uploads.ts';
import { AddressRanges, addressGroup, plainAddress } from '../../src/infra/address-ranges.ts';
import { InfraError } from '../../src/infra/infra-error.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { leastCpuMs } from '../support/cpu-ms.ts';

const refusalOf = (read: unknown): Pick<HttpError, 'code' | 'field'> & { readonly message: string } => {
  assert.ok(read instanceof HttpError, JSON.stringify(read));
  assert.equal(read.statusCode, 400);
  return read;
};
/** CPU time in ms of far less than square time at these bounds, on a machine ten times slower too. */
const SOON_MS = 250;

describe('JSON of strangers', () => {
  it('is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        const read = readJson(text, 'body');
        if (read instanceof HttpError) assert.match(read.message, /twice|no such field|at most/u);
        else assert.deepEqual(read.value, JSON.parse(text));
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        const read = readJson(text, 'body');
        let value: unknown;
        try {
          value = JSON.parse(text);
        } catch {
          refusalOf(read);
          return;
        }
        assert.deepEqual(read, { value });
      }),
    );
  });

  it('is refused when nested too deep, with too many parts, with a name twice or a prototype', () => {
    const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    assert.ok('value' in readJson(deep(MAX_JSON_DEPTH), 'body'));
    assert.match(refusalOf(readJson(deep(MAX_JSON_DEPTH + 1), 'body')).message, /nested at most 16/u);
    assert.match(refusalOf(readJson('{"a":'.repeat(100_000), 'body')).message, /nested/u);
    assert.match(refusalOf(readJson(`[${'1,'.repeat(MAX_JSON_PARTS)}1]`, 'body')).message, /at most 2048/u);
    assert.deepEqual([refusalOf(readJson('{"a":1,"b":{"a":1},"\\u0061":2}', 'body')).field], ['a']);
    assert.equal(refusalOf(readJson('{"x":{"__proto__":1}}', 'body')).code, 'UNKNOWN_FIELD');
    assert.equal(refusalOf(readJson('{"__pro\\u0074o__":1}', 'body')).code, 'UNKNOWN_FIELD');
    for (const text of ['', '{', '"', '"\\', '{"a"', '[1:2]', ':', '{1:2}', '{"\\u":1}', '}{', ']', '\u0000']) {
      assert.equal(refusalOf(readJson(text, 'body')).code, 'MALFORMED_JSON', text);
    }
    assert.match(refusalOf(readJsonBytes(Buffer.from([0x22, 0xff, 0xfe, 0x22]), 'body')).message, /UTF-8/u);
    assert.match(refusalOf(readJsonBytes(Buffer.alloc(0), 'body')).message, /empty/u);
    assert.deepEqual(readJsonBytes(Buffer.from('\ufeff{"a":1}'), 'body'), { value: { a: 1 } });
  });

  it('holds the event loop up for a moment only, at every bound', () => {
    const size = 64 * 1024;
    const fill = (head: string, part: string, tail: string): string =>
      head + part.repeat(Math.floor((size - head.length - tail.length) / part.length)) + tail;
    const names = Array.from({ length: 6_000 }, (_, index) => `"k${index}":1`)
      .join(',')
      .slice(0, size - 10);
    const hostile = [
      fill('{"type":"', 'a', '"}'),
      fill('{"type":"', 'a:', '"}'),
      fill('{"type":"', '://', '"}'),
      fill('{"', 'a', '":1}'),
      fill('', '[', ''),
      fill('', '{"a":', ''),
      fill('[', '1,', '1]'),
      fill('"', '\\u0061', '"'),
      fill('{"a":"', '\\', ''),
      fill('{"type":"subscribe","data":{"cameraIds":[', '1,', '1]}}'),
      `{${names}}`,
      fill('{"type":1', '0', '}'),
      fill('', ':', ''),
      fill('{"type":"subscribe","data":{"since":"', '0', '"}}'),
      fill('{"type":"subscribe","data":{"sinceTime":"', '0', '"}}'),
      fill('{"type":"subscribe","data":{"cameraIds":["', '-', '"]}}'),
      fill('', '"', ''),
      fill('', ' ', ''),
      fill('', '\ud800', ''),
      JSON.stringify({
        type: 'subscribe',
        data: { cameraIds: Array.from({ length: 1_000 }, (_, index) => `c${index}`.padEnd(50, 'x')) },
      }),
      JSON.stringify({ type: 'subscribe', data: { cameraIds: Array.from({ length: 1_000 }, () => ({ a: 1 })) } }),
    ];
    for (const text of hostile) {
      const ms = leastCpuMs(() => readFeedRequest(text), SOON_MS);
      assert.ok(ms < SOON_MS, `${ms.toFixed(1)} ms for ${text.slice(0, 50)}`);
    }
  });
});

describe('connections of strangers', () => {
  class Socket implements Droppable {
    dropped = false;
    destroy(): void {
      this.dropped = true;
    }
  }
  const open = (connections: Connections, address: string, count: number, trusted = false): Socket[] =>
    Array.from({ length: count }, () => {
      const socket = new Socket();
      assert.ok(connections.add(socket, address, trusted));
      return socket;
    });

  it('of one address take their own places only: the longest idle one goes for a new one', () => {
    const connections = new Connections({ maxConnections: 100, maxConnectionsPerAddress: 10 });
    const [busy, oldest, second] = open(connections, 'a', 10);
    connections.begin(busy!);
    open(connections, 'a', 1);
    assert.deepEqual(
      { busyDropped: busy!.dropped, oldestDropped: oldest!.dropped, secondDropped: second!.dropped },
      { busyDropped: false, oldestDropped: true, secondDropped: false },
    );
    // It was idle before the others again, but only from now on.
    connections.end(busy!);
    open(connections, 'a', 1);
    assert.deepEqual(
      { busyDropped: busy!.dropped, secondDropped: second!.dropped },
      { busyDropped: false, secondDropped: true },
    );
    for (const socket of open(connections, 'a', 5_000)) assert.ok(connections.open <= 10 || !socket.dropped);
    assert.equal(connections.open, 10);
    assert.ok(open(connections, 'b', 1).every(({ dropped }) => !dropped));
  });

  it('that are all busy are kept, and a new one is refused', () => {
    const connections = new Connections({ maxConnections: 4, maxConnectionsPerAddress: 2 });
    for (const socket of open(connections, 'a', 2)) connections.begin(socket);
    assert.equal(connections.add(new Socket(), 'a', false), false);
    for (const socket of open(connections, 'b', 2)) connections.begin(socket);
    assert.equal(connections.add(new Socket(), 'c', false), false);
  });

  it('at the bound of all go from the address that has most, and a trusted proxy has no bound of its own', () => {
    const connections = new Connections({ maxConnections: 20, maxConnectionsPerAddress: 10 });
    const proxy = open(connections, 'proxy', 15, true);
    const few = open(connections, 'few', 5);
    open(connections, 'new', 1);
    assert.deepEqual(
      { proxy: proxy.filter(({ dropped }) => dropped).length, few: few.filter(({ dropped }) => dropped).length },
      { proxy: 1, few: 0 },
    );
  });

  it('are counted right whatever happens', () => {
    const action = fc.tuple(fc.constantFrom('add', 'remove', 'begin', 'end'), fc.nat(30));
    fc.assert(
      fc.property(fc.array(action, { minLength: 100, maxLength: 300 }), (actions) => {
        const connections = new Connections({ maxConnections: 12, maxConnectionsPerAddress: 5 });
        const sockets = new Map<number, Socket & { requests?: number }>();
        for (const [what, index] of actions) {
          const socket: (Socket & { requests?: number }) | undefined = sockets.get(index);
          if (what === 'add' && socket === undefined) {
            const fresh = new Socket();
            if (connections.add(fresh, `address ${index % 4}`, false)) sockets.set(index, fresh);
          } else if (socket !== undefined && what === 'remove') {
            connections.remove(socket);
            sockets.delete(index);
          } else if (socket !== undefined && what === 'begin') {
            connections.begin(socket);
            socket.requests = (socket.requests ?? 0) + 1;
          } else if (socket !== undefined && what === 'end' && (socket.requests ?? 0) > 0) {
            connections.end(socket);
            socket.requests = (socket.requests ?? 0) - 1;
          }
          for (const [key, each] of sockets) {
            if (!each.dropped) continue;
            assert.equal(each.requests ?? 0, 0, 'only idle ones are dropped');
            sockets.delete(key);
          }
          assert.equal(connections.open, sockets.size);
          assert.ok(connections.open <= 12);
        }
      }),
    );
  });
});

describe('uploads of strangers', () => {
  it('take a place each, bounded in all, by address and by bytes, and give it back once', () => {
    const uploads = new Uploads({ maxUploads: 4, maxUploadsPerAddress: 2, uploadBytes: 100 });
    const [first, second] = [uploads.take('a', 10), uploads.take('a', 10)];
    assert.ok(first !== null && second !== null);
    assert.equal(uploads.take('a', 1), null, 'by address');
    assert.equal(uploads.take('b', 81), null, 'by bytes');
    assert.ok(uploads.take('b', 80) !== null);
    first();
    first();
    assert.equal(uploads.open, 2);
    assert.ok(uploads.take('a', 10) !== null);
    assert.equal(uploads.take('a', 0), null);
    assert.ok(uploads.take('c', 0) !== null);
    assert.equal(uploads.take('d', 0), null, 'in all');
  });

  it('are cut when they stall, long before their time is over, and not when they go on', async () => {
    const clock = new ManualClock();
    const pace = new BodyPace(clock, { paceMs: 5_000, paceBytes: 1_000 });
    let [steady, cut] = [0, ''];
    pace.watch(
      () => 100,
      () => (cut += 'stalls '),
    );
    pace.watch(
      () => steady,
      () => (cut += 'steady '),
    );
    const whole = pace.watch(
      () => 0,
      () => (cut += 'whole '),
    );
    for (let second = 0; second < 30; second += 1) {
      steady += 250;
      if (second === 3) whole();
      await clock.advance(1_000);
      if (second === 6) assert.equal(cut, 'stalls ');
    }
    assert.equal(cut, 'stalls ');
    await clock.advance(12_000);
    assert.equal(cut, 'stalls steady ');
    assert.equal(pace.cut, 2);
  });
});

describe('addresses of strangers', () => {
  const proxies = new AddressRanges(['10.0.0.0/8', '192.0.2.1', 'fd00::/8']);

  it('are those of the connection, unless it comes from a trusted proxy', () => {
    assert.equal(
      clientAddress('203.0.113.9', '198.51.100.1', proxies),
      '203.0.113.9',
      'a client cannot choose its address',
    );
    assert.equal(clientAddress('10.1.2.3', '198.51.100.1', proxies), '198.51.100.1');
    assert.equal(
      clientAddress('::ffff:10.1.2.3', '6.6.6.6, 198.51.100.1:4711', proxies),
      '198.51.100.1',
      'the nearest, without its port',
    );
    assert.equal(
      clientAddress('10.1.2.3', '6.6.6.6, 198.51.100.1, 10.9.9.9 , 192.0.2.1', proxies),
      '198.51.100.1',
      'over several proxies',
    );
    assert.equal(clientAddress('10.1.2.3', 'nonsense', proxies), '10.1.2.3');
    assert.equal(clientAddress('10.1.2.3', '198.51.100.1, unknown', proxies), '10.1.2.3');
    assert.equal(clientAddress('10.1.2.3', undefined, proxies), '10.1.2.3');
    assert.equal(clientAddress('fd00::1', '[2001:db8:1:2:3::4]:80', proxies), '2001:db8:1:2::/64');
    assert.equal(clientAddress(undefined, '1.2.3.4', proxies), 'unknown');
    const long = '10.0.0.1,'.repeat(1_600);
    assert.ok(leastCpuMs(() => clientAddress('10.1.2.3', long, proxies), SOON_MS) < SOON_MS);
  });

  it('of IPv6 count by the network that one customer has', () => {
    assert.equal(addressGroup('2001:db8:0:1::5'), addressGroup('2001:0db8:0000:0001:ffff:1:2:3'));
    assert.notEqual(addressGroup('2001:db8:0:1::5'), addressGroup('2001:db8:0:2::5'));
    assert.equal(addressGroup('::1'), '0:0:0:0::/64');
    assert.equal(plainAddress('fe80::1%eth0'), 'fe80::1');
    assert.equal(plainAddress('::ffff:1.2.3.4'), '1.2.3.4');
    assert.equal(plainAddress('::FFFF:102:304'), '1.2.3.4');
    for (const text of ['', 'x', '1.2.3', '1.2.3.4.5', '[::1', 'a'.repeat(10_000)])
      assert.equal(plainAddress(text), null);
  });

  it('of proxies are read at the start, and what is none is refused with the value', () => {
    const read = (value: string) => readConfig(['--no-demo'], { GANTRY_TRUSTED_PROXIES: value });
    const config = read('10.0.0.0/8, ::1,::ffff:192.0.2.0/120');
    assert.ok(
      config !== 'help' &&
        config.trustedProxies.has('10.9.9.9') &&
        config.trustedProxies.has('::1') &&
        config.trustedProxies.has('192.0.2.77'),
    );
    assert.ok(!config.trustedProxies.has('11.0.0.1') && !config.trustedProxies.has('192.0.3.1'));
    for (const value of [
      'proxy.example',
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      '10.0.0.0/-1',
      '::1/129',
      '10.0.0',
      '10.0.0.1 10.0.0.2',
    ]) {
      assert.throws(
        () => read(`127.0.0.1,${value}`),
        (error) => error instanceof InfraError && error.code === 'CONFIG_INVALID' && error.message.includes(value),
      );
    }
    assert.ok(!new AddressRanges([]).has('127.0.0.1'));
  });
});
