import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Leadership, LOCK_LIFE_MS, type LockStore, type Term } from '../../src/infra/leadership.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { memoryLog } from '../support/log.ts';

/** Locks as the bus keeps them: each write is over a revision, and what nobody writes runs out. */
class Locks implements LockStore {
  readonly #clock: ManualClock;
  #revision = 0;
  #entry: { readonly holder: string; readonly revision: number; readonly at: number } | null = null;
  down = false;
  /** The next write takes place, and its answer is lost. */
  losesAnswer = false;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  get holder(): string | null {
    return this.#entry !== null && this.#clock.now() - this.#entry.at < LOCK_LIFE_MS ? this.#entry.holder : null;
  }

  read(): ReturnType<LockStore['read']> {
    if (this.down) return Promise.reject(new Error('away'));
    return Promise.resolve(
      this.holder === null || this.#entry === null
        ? null
        : { holder: this.#entry.holder, revision: this.#entry.revision },
    );
  }

  async write(_name: string, holder: string, over: number | null): Promise<number | null> {
    if (this.down) throw new Error('away');
    if ((this.holder === null ? null : (this.#entry?.revision ?? null)) !== over) return null;
    this.#entry = { holder, revision: ++this.#revision, at: this.#clock.now() };
    if (this.losesAnswer) {
      this.losesAnswer = false;
      throw new Error('the answer was lost');
    }
    return this.#revision;
  }

  async clear(_name: string, revision: number): Promise<void> {
    if ((await this.read())?.revision === revision) this.#entry = null;
  }
}

describe('the lock of which one process at a time has its turn', () => {
  const world = () => {
    const clock = new ManualClock();
    const store = new Locks(clock);
    const counts = { waits: 0, failed: 0 };
    const metrics = { lockWait: () => void (counts.waits += 1), lockFailed: () => void (counts.failed += 1) };
    const node = (holder: string) => {
      const leadership = new Leadership({ store, name: 'aggregator', holder, clock, log: memoryLog(), metrics });
      const stop = new AbortController();
      const terms: Term[] = [];
      const acquire = (): void =>
        void leadership.acquire(stop.signal).then(
          (term) => terms.push(term),
          () => undefined,
        );
      return { leadership, terms, acquire, stop };
    };
    return { clock, store, counts, node };
  };

  it('one has it for as long as it renews it, the other waits', async () => {
    const { clock, store, node } = world();
    const [a, b] = [node('a'), node('b')];
    a.acquire();
    await clock.advance(0);
    b.acquire();
    await clock.advance(10 * LOCK_LIFE_MS);
    assert.deepEqual(
      { aTerms: a.terms.length, bTerms: b.terms.length, storeHolder: store.holder },
      { aTerms: 1, bTerms: 0, storeHolder: 'a' },
    );
    assert.equal(a.terms[0]?.lost.aborted, false);
    assert.deepEqual(
      { aLeading: a.leadership.figures().leading, bLeading: b.leadership.figures().leading },
      { aLeading: true, bLeading: false },
    );
  });

  it('given back, the other one has it at once; not given back, when it ran out', async () => {
    const { clock, store, node } = world();
    const [a, b, c] = [node('a'), node('b'), node('c')];
    a.acquire();
    await clock.advance(0);
    b.acquire();
    await clock.advance(1_000);
    await a.terms[0]!.release();
    await clock.advance(500);
    assert.equal(store.holder, 'b');
    // The end of a process is that nothing renews any more; its timers are not there either.
    const frozen = new ManualClock(clock.now());
    const dead = new Leadership({
      store,
      name: 'aggregator',
      holder: 'd',
      clock: frozen,
      log: memoryLog(),
      metrics: { lockWait: () => undefined, lockFailed: () => undefined },
    });
    await b.terms[0]!.release();
    await dead.acquire(new AbortController().signal);
    c.acquire();
    await clock.advance(LOCK_LIFE_MS - 1_000);
    assert.equal(c.terms.length, 0);
    await clock.advance(1_500);
    assert.equal(store.holder, 'c');
  });

  it('started again, a process goes on with what its earlier life held', async () => {
    const { clock, store, node } = world();
    const earlier = node('a');
    earlier.acquire();
    await clock.advance(0);
    const later = node('a');
    later.acquire();
    await clock.advance(0);
    assert.deepEqual({ terms: later.terms.length, holder: store.holder }, { terms: 1, holder: 'a' });
  });

  it('while NATS is away it counts as lost before anybody else can have it', async () => {
    const { clock, store, counts, node } = world();
    const a = node('a');
    a.acquire();
    await clock.advance(4_000);
    store.down = true;
    let lostAt = 0;
    a.terms[0]!.lost.addEventListener('abort', () => (lostAt = clock.now()));
    const began = clock.now();
    await clock.advance(LOCK_LIFE_MS);
    assert.ok(
      lostAt > began && lostAt <= began - 1_000 + LOCK_LIFE_MS - 1_000,
      `${lostAt - began} ms after the last renewal was a second old`,
    );
    assert.equal(counts.failed, 1);
    assert.equal(a.leadership.figures().leading, false);
    a.acquire();
    store.down = false;
    await clock.advance(1_000);
    assert.equal(a.terms.length, 2);
  });

  it('a renewal whose answer was lost is no loss', async () => {
    const { clock, store, counts, node } = world();
    const a = node('a');
    a.acquire();
    await clock.advance(0);
    store.losesAnswer = true;
    await clock.advance(5 * LOCK_LIFE_MS);
    assert.deepEqual(
      { aborted: a.terms[0]?.lost.aborted, failed: counts.failed, holder: store.holder },
      { aborted: false, failed: 0, holder: 'a' },
    );
  });

  it('of many that wait, one gets it', async () => {
    const { clock, node } = world();
    const nodes = Array.from({ length: 10 }, (_, index) => node(`n${index}`));
    for (const each of nodes) each.acquire();
    await clock.advance(LOCK_LIFE_MS);
    assert.equal(
      nodes.reduce((sum, { terms }) => sum + terms.length, 0),
      1,
    );
  });
});
