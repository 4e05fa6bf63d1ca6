import assert from 'node:assert/strict';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { LiveTap, type LiveTapOptions } from '../../src/ingest/live-tap.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import type { AccessUnit } from '../../src/video/access-unit.ts';
import { unitAt } from '../support/access-units.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

/** Writes `k` or `p` and the time of each unit, and numbers the streams that it began. */
function textMuxer(): LiveTapOptions['muxer'] {
  let streams = 0;
  return () => {
    const stream = (streams += 1);
    return { push: ({ isKey, at }) => Buffer.from(`${stream}${isKey ? 'k' : 'p'}${at} `) };
  };
}

interface Reading {
  readonly socket: Socket;
  text: string;
  closed: boolean;
}

async function tapOf(t: TestContext, over: Partial<LiveTapOptions> = {}) {
  const path = join(temporaryFolder(), 'tap');
  const clock = new ManualClock();
  const ring: AccessUnit[] = [];
  const tap = await LiveTap.open(path, { clock, begin: () => ring, muxer: textMuxer(), ...over });
  t.after(() => tap.close());
  const read = async (): Promise<Reading> => {
    const socket = connect(path);
    t.after(() => socket.destroy());
    const reading: Reading = { socket, text: '', closed: false };
    socket.on('data', (chunk) => (reading.text += String(chunk)));
    socket.on('close', () => (reading.closed = true));
    socket.on('error', () => undefined);
    const before = tap.readers;
    await once(socket, 'connect');
    await until('the tap knows its reader', () => tap.readers > before || reading.closed);
    return reading;
  };
  return { path, clock, ring, tap, read };
}

const shows = (reading: Reading, text: string): Promise<boolean> =>
  until(`a reader gets ${text}`, () => reading.text === text, 30_000, 2);

describe('the live tap of a camera', () => {
  test('gives a new reader the units since the newest keyframe, and then those that come', async (t) => {
    const { tap, ring, read, path } = await tapOf(t);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    ring.push(unitAt(1, { isKey: true }), unitAt(2));
    const first = await read();
    tap.push(unitAt(3));
    await shows(first, '1k1 1p2 1p3 ');
    const second = await read();
    await shows(second, '2k1 2p2 ');
  });

  test('lets a reader that came before the first unit begin with a keyframe', async (t) => {
    const { tap, read } = await tapOf(t);
    const reading = await read();
    for (const unit of [unitAt(1), unitAt(2, { isKey: true }), unitAt(3)]) tap.push(unit);
    await shows(reading, '1k2 1p3 ');
  });

  test('goes on with a keyframe after a break, in the same stream', async (t) => {
    const { tap, ring, read } = await tapOf(t);
    ring.push(unitAt(1, { isKey: true }));
    const reading = await read();
    tap.restart();
    for (const unit of [unitAt(2), unitAt(3, { isKey: true }), unitAt(4)]) tap.push(unit);
    await shows(reading, '1k1 1k3 1p4 ');
  });

  test('sends its readers away when the codec changes, and when nothing came for 10 s', async (t) => {
    const { tap, ring, read, clock } = await tapOf(t);
    ring.push(unitAt(1, { isKey: true }));
    const reading = await read();
    tap.push(unitAt(2, { isKey: true, codec: 'h265' }));
    await until('the reader is sent away', () => reading.closed);
    const idle = await read();
    await clock.advance(10_001);
    await until('the idle reader is sent away', () => idle.closed);
  });

  test('skips to the next keyframe for a reader that does not read', async (t) => {
    const large = { push: ({ data }: AccessUnit) => data };
    const { tap, ring, read } = await tapOf(t, { muxer: () => large });
    ring.push(unitAt(1, { isKey: true, bytes: 10 }));
    const reading = await read();
    reading.socket.pause();
    for (let n = 0; n < 100; n += 1) tap.push(unitAt(2 + n, { bytes: 100_000 }));
    reading.socket.resume();
    let got = 0;
    reading.socket.on('data', (chunk) => (got += chunk.byteLength));
    await until('the rest is read', () => got > 1_000_000);
    tap.push(unitAt(200, { bytes: 50 }));
    const before = got;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(got - before < 600_000 && got < 3_000_000, `${got} of 10,000,000 bytes were held`);
  });

  test('admits four readers, muxes for none when there is none, and removes its file', async (t) => {
    let muxed = 0;
    const muxer = () => ({ push: () => Buffer.from(String((muxed += 1))) });
    const { tap, ring, read, path } = await tapOf(t, { muxer });
    ring.push(unitAt(1, { isKey: true }));
    tap.push(unitAt(1, { isKey: true }));
    assert.equal(muxed, 0);
    const readers = [await read(), await read(), await read(), await read()];
    const fifth = await read();
    await until('the fifth is sent away', () => fifth.closed);
    assert.equal(tap.readers, 4);
    await tap.close();
    await until('all are sent away', () => readers.every(({ closed }) => closed));
    assert.throws(() => statSync(path), { code: 'ENOENT' });
  });
});
