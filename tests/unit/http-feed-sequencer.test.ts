import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AlertLog } from '../../src/http/feed/alert-log.ts';
import { FeedSequencer, type Sequenced } from '../../src/http/feed/sequencer.ts';
import { Random } from '../support/random.ts';

const seqs = (messages: readonly Sequenced<string>[]): number[] => messages.map(({ seq }) => seq);
const through = (messages: readonly Sequenced<string>[]): number[] => messages.map((each) => each.through);

describe('sequencer of the feed', () => {
  it('lets each message through once, from whichever source brings it first', () => {
    const sequencer = new FeedSequencer<string>(1);
    assert.deepEqual(seqs(sequencer.fromPush(1, 'a')), [1]);
    assert.deepEqual(seqs(sequencer.fromStream(1, 'a')), []);
    assert.deepEqual(seqs(sequencer.fromStream(2, 'b')), [2]);
    assert.deepEqual(seqs(sequencer.fromPush(2, 'b')), []);
  });

  it('knows which pushes would change nothing', () => {
    const sequencer = new FeedSequencer<string>();
    assert.equal(sequencer.isKnown(1), false, 'no position is known yet');
    sequencer.begin(3);
    sequencer.fromPush(4, 'd');
    assert.deepEqual(
      [1, 2, 3, 4, 5].map((seq) => sequencer.isKnown(seq)),
      [true, true, false, true, false],
    );
    sequencer.giveUp();
    assert.deepEqual(
      [2, 3, 4, 5].map((seq) => sequencer.isKnown(seq)),
      [true, false, true, false],
      'a gap can still be filled',
    );
    sequencer.fromPush(3, 'c');
    assert.equal(sequencer.isKnown(3), true);
  });

  it('holds an early push until the messages before it arrive', () => {
    const sequencer = new FeedSequencer<string>(1);
    assert.deepEqual(seqs(sequencer.fromPush(3, 'c')), []);
    assert.deepEqual(sequencer.missing(), { from: 1, to: 2 });
    assert.deepEqual(seqs(sequencer.fromStream(1, 'a')), [1]);
    assert.deepEqual(seqs(sequencer.fromPush(2, 'b')), [2, 3]);
    assert.equal(sequencer.missing(), null);
  });

  it('takes messages that the stream skips for nonexistent', () => {
    const sequencer = new FeedSequencer<string>(1);
    sequencer.fromPush(3, 'c');
    const messages = sequencer.fromStream(5, 'e');
    assert.deepEqual(seqs(messages), [3, 5]);
    assert.deepEqual(through(messages), [3, 5]);
  });

  it('claims nothing beyond a gap until late messages have filled it', () => {
    const sequencer = new FeedSequencer<string>(1);
    sequencer.fromStream(1, 'a');
    sequencer.fromPush(4, 'd');
    assert.deepEqual(through(sequencer.giveUp()), [1], 'the fourth is out, but not those before it');
    assert.deepEqual(through(sequencer.fromPush(5, 'e')), [1]);
    const late = sequencer.fromPush(3, 'c');
    assert.deepEqual({ seqs: seqs(late), through: through(late) }, { seqs: [3], through: [1] });
    const filled = sequencer.fromStream(2, 'b');
    assert.deepEqual({ seqs: seqs(filled), through: through(filled) }, { seqs: [2], through: [5] });
    assert.deepEqual(sequencer.fromStream(3, 'c'), []);
  });

  it('begins with the first message of the stream when it knows no position', () => {
    const sequencer = new FeedSequencer<string>();
    assert.deepEqual(sequencer.fromPush(8, 'h'), []);
    assert.deepEqual(seqs(sequencer.fromStream(7, 'g')), [7, 8]);
    sequencer.begin(null);
    assert.deepEqual(sequencer.fromPush(3, 'c'), []);
    assert.deepEqual(sequencer.missing(), { from: 1, to: 2 });
    sequencer.fromPush(1, 'a');
    assert.deepEqual(seqs(sequencer.skip(2)), [1, 3]);
  });

  it('removes a push of another stream', () => {
    const sequencer = new FeedSequencer<string>(1);
    sequencer.fromPush(900, 'old');
    assert.equal(sequencer.remove(900), 'old');
    assert.equal(sequencer.missing(), null);
  });

  it('sends every existing message exactly once and never claims more than it sent, in any order of arrival', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = new Random(seed);
      const exists = Array.from({ length: 40 }, (_, index) => index + 1).filter(() => random.chance(0.9));
      const stream = [...exists];
      const pushes = exists
        .filter(() => random.chance(0.7))
        .map((seq) => ({ seq, at: seq + random.below(12) }))
        .toSorted((a, b) => a.at - b.at);
      const sequencer = new FeedSequencer<string>(1);
      const sent: number[] = [];
      const take = (messages: readonly Sequenced<string>[]): void => {
        for (const one of messages) {
          sent.push(one.seq);
          for (const each of exists)
            if (each <= one.through)
              assert.ok(
                sent.includes(each),
                `seed ${seed}: ${each} is not sent, though ${one.seq} says through ${one.through}`,
              );
        }
      };
      while (stream.length + pushes.length > 0) {
        const [fromStream, push] = random.chance(0.5) ? [stream.shift(), undefined] : [undefined, pushes.shift()];
        if (fromStream !== undefined) take(sequencer.fromStream(fromStream, 'x'));
        if (push !== undefined) take(sequencer.fromPush(push.seq, 'x'));
        if (random.chance(0.1)) take(sequencer.giveUp());
      }
      assert.deepEqual(
        sent.toSorted((a, b) => a - b),
        exists,
        `seed ${seed}`,
      );
    }
  });
});

describe('log of alerts', () => {
  const alert = (seq: number) => ({
    seq,
    camera: 'a',
    requestId: `r${seq}`,
    at: seq,
    message: { frame: Buffer.from('12345'), place: null },
  });
  const of = (log: AlertLog, after: number): number[] => log.next(after, 1_000).map(({ seq }) => seq);

  it('knows what came after a place, in order, late ones included', () => {
    const log = new AlertLog({ logAlerts: 10, logBytes: 1_000 });
    log.begin(4);
    for (const seq of [3, 5, 9, 7]) log.add(alert(seq));
    assert.deepEqual(of(log, 4), [5, 7, 9]);
    assert.deepEqual(of(log, 5), [7, 9]);
    assert.deepEqual(
      log.next(4, 6).map(({ seq }) => seq),
      [5, 7],
      'about so many bytes at once',
    );
  });

  it('forgets the oldest over its bounds and says from where on it is complete', () => {
    const log = new AlertLog({ logAlerts: 3, logBytes: 12 });
    log.begin(0);
    for (const seq of [1, 2, 3]) log.add(alert(seq));
    assert.deepEqual([of(log, 0), log.after, log.trimmed], [[2, 3], 1, true]);
  });

  it('takes what came before it', () => {
    const log = new AlertLog({ logAlerts: 10, logBytes: 1_000 });
    log.begin(10);
    log.add(alert(12));
    log.extend(5, [alert(6), alert(9)]);
    assert.deepEqual([of(log, 5), log.after, log.trimmed], [[6, 9, 12], 5, false]);
  });
});
