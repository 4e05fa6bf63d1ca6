import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { InSlices } from '../../src/http/intake/in-slices.ts';

const request = (): IncomingMessage => new IncomingMessage(new Socket());

describe('a body in slices', () => {
  it('comes whole and in order, at most 16 kB in a turn of the event loop', async () => {
    const raw = request();
    const sent = Buffer.from(Array.from({ length: 200_001 }, (_, at) => at % 251));
    raw.push(sent.subarray(0, 150_000));
    raw.push(sent.subarray(150_000));
    raw.push(null);
    const body = new InSlices(raw);
    let inTurn = 0;
    let most = 0;
    const got: Buffer[] = [];
    body.on('data', (slice: Buffer) => {
      got.push(slice);
      if (inTurn === 0) setImmediate(() => (inTurn = 0));
      inTurn += slice.length;
      most = Math.max(most, inTurn);
    });
    await new Promise((resolve) => body.once('end', resolve));
    assert.ok(Buffer.concat(got).equals(sent));
    assert.equal(most, 16 * 1024);
  });

  it('is not read on once nobody wants it, and ends when its sender goes', async () => {
    const unwanted = request();
    const body = new InSlices(unwanted);
    unwanted.push(Buffer.alloc(500_000));
    await new Promise((resolve) => setImmediate(resolve));
    body.destroy();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(unwanted.readableFlowing, false);

    const gone = request();
    const left = new InSlices(gone);
    gone.push(Buffer.alloc(10));
    gone.destroy();
    await new Promise((resolve) => left.once('close', resolve));
    assert.ok(left.destroyed && !left.readableEnded);
  });
});
