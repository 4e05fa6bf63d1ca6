import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FrameFromWorker } from '../../src/runtime/remote/from-worker.ts';
import { HostLink } from '../../src/runtime/remote/worker/host-link.ts';
import { WorkerOutbox } from '../../src/runtime/remote/worker/worker-outbox.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import type { Asking } from '../../src/runtime/message.ts';

type Peer = { type: 'note' } | ({ type: 'question' } & Asking<number>);

function linked(credit: number) {
  const clock = new ManualClock();
  const sent: FrameFromWorker[] = [];
  const link = new HostLink(new WorkerOutbox((frame) => void sent.push(frame)), clock, credit);
  const items = () => sent.flatMap(([frame]) => (frame === 0 ? [] : frame)).map(({ type }) => type);
  return { clock, link, items, ref: link.ref<Peer>('/peer') };
}

test('an offer without credit goes out as soon as there is some, and rejects when none comes in time', async () => {
  const { clock, link, items, ref } = linked(0);
  void ref.offer({ type: 'note' }, { timeoutMs: 100 });
  await settle();
  assert.deepEqual(items(), []);
  link.grant(1);
  await settle();
  assert.deepEqual(items(), ['offer']);
  const broke = linked(0);
  const late = assert.rejects(broke.ref.offer({ type: 'note' }, { timeoutMs: 100 }), { code: 'MAILBOX_FULL' });
  await broke.clock.advance(100);
  await late;
  assert.equal(broke.clock.pending, 0);
  assert.equal(clock.pending, 1, 'of the offer that is under way');
});

test('the end of a worker rejects every pending request at once, also offers that wait for credit', async () => {
  const { clock, link, ref } = linked(0);
  const asked = assert.rejects(ref.ask({ type: 'question' }, { timeoutMs: 60_000 }), { code: 'STOPPING' });
  const offered = assert.rejects(ref.offer({ type: 'note' }, { timeoutMs: 60_000 }), { code: 'STOPPING' });
  link.close();
  await Promise.all([asked, offered]);
  assert.equal(clock.pending, 0, 'no timer is left');
});
