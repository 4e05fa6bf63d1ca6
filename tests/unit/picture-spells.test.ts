import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PictureSpells } from '../../src/watch/picture-spells.ts';

/** Whether each picture of so many minutes was paid, at one a second. */
const minutes = (spells: PictureSpells, count: number): boolean[] =>
  Array.from({ length: count * 60 }, (_, second) => spells.take(second * 1_000));
const paid = (pictures: readonly boolean[]): number => pictures.filter(Boolean).length;

describe('pictures of a budget', () => {
  it('are consecutive ones, a minute of them at a time, within the budget on average', () => {
    const pictures = minutes(new PictureSpells({ picturesPerMinute: 6, intervalMs: 1_000, phase: 0 }), 60);
    const begins = pictures.flatMap((isPaid, index) => (isPaid && pictures[index - 1] !== true ? [index] : []));
    assert.ok(begins.length >= 5 && begins.length <= 6, `${begins.length} spells`);
    assert.ok(paid(pictures) > 280 && paid(pictures) <= 360, `${paid(pictures)} in an hour`);
  });

  it('are spread over the cameras: each begins at another time', () => {
    const shares = [0, 0.25, 0.5, 0.75].map((phase) => ({ picturesPerMinute: 15, intervalMs: 1_000, phase }));
    const cameras = shares.map((share) => minutes(new PictureSpells(share), 30));
    const all = cameras.reduce((sum, pictures) => sum + paid(pictures), 0);
    assert.ok(all > 25 * 60 && all <= 32 * 60, `${all} in 30 minutes, with 60 a minute`);
    assert.equal(new Set(cameras.map((pictures) => pictures.indexOf(true))).size, 4);
  });

  it('are all of them where the budget has room, and the spell never ends', () => {
    const spells = new PictureSpells({ picturesPerMinute: 60, intervalMs: 1_000, phase: 0 });
    const times = Array.from({ length: 600 }, (_, n) => n * 1_000 + (n % 3) * 20);
    const taken = times.map((at) => [spells.take(at), spells.isOpen] as const);
    assert.ok(paid(taken.map(([isPaid]) => isPaid)) > 570);
    assert.ok(taken.slice(2).every(([, isOpen]) => isOpen));
  });

  it('are none without a budget', () => {
    assert.equal(paid(minutes(new PictureSpells({ picturesPerMinute: 0, intervalMs: 1_000, phase: 0.99 }), 60)), 0);
  });
});
