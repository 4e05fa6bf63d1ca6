/** What the scripts of `src/keys/shared/gate-scripts.ts` do, written once more in TypeScript over an explicit clock. */
import { ABSENT_MS, ACQUIRE, DEAD_MS, HOLD_MS, JOIN, REPORT, SYNC } from '../../src/keys/shared/gate-scripts.ts';

const KEEP_MS = 120_000;
type Members = Map<string, number>;
type Value = string | number | readonly Value[];

/** Scores and times are told to three decimals. */
const rounded = (value: number): number => Number(value.toFixed(3));
const byScore = ([a, x]: readonly [string, number], [b, y]: readonly [string, number]): number =>
  x - y || (a < b ? -1 : a > b ? 1 : 0);

export class LimitsModel {
  readonly #sets = new Map<string, Members>();
  readonly #texts = new Map<string, { readonly text: string; readonly until: number }>();
  readonly #expiry: boolean;

  /** Without `expiry` no key expires by itself: real ones do not either while a test is quicker than their expiry. */
  constructor(expiry = true) {
    this.#expiry = expiry;
  }

  /** Redis lost its data. */
  flush(): void {
    this.#sets.clear();
    this.#texts.clear();
  }

  eval(now: number, script: string, keys: readonly string[], args: readonly (string | number)[]): Value {
    const [text, number] = [(i: number): string => String(args[i]), (i: number): number => Number(args[i])];
    if (script === ACQUIRE) return this.#acquire(now, keys, text, number);
    if (script === REPORT) return this.#report(now, keys, text);
    if (script === JOIN) return this.#join(now, keys, text, number);
    if (script === SYNC) return this.#sync(now, keys, text, number);
    throw new Error('the model does not know this script');
  }

  remove(key: string, member: string): void {
    this.#sets.get(key)?.delete(member);
  }

  #acquire(now: number, keys: readonly string[], text: (i: number) => string, number: (i: number) => number): Value {
    const [members, born, expected, ...budgets] = this.#named(keys);
    if (this.#get(born, now) === null || !this.#set(members).has(text(0))) return ['unjoined'];
    this.#set(members).set(text(0), rounded(Math.min(now, number(1))));
    this.#drop(members, now - DEAD_MS);
    const alive = [...this.#set(members).values()].filter((score) => score >= rounded(now - ABSENT_MS)).length;
    const all = Math.max(1, this.#set(members).size, Number(this.#get(expected, now) ?? 0));
    const reply: Value[] = ['ok', rounded(now), alive, all];
    let a = 2;
    for (const budget of budgets) {
      const [prefix, first, count, part, windows] = [
        text(a),
        number(a + 1),
        number(a + 2),
        number(a + 3),
        number(a + 4),
      ];
      this.#drop(budget, now - KEEP_MS);
      let granted = 0;
      let wait = 0;
      const equalParts = Array.from({ length: windows }, (_, w) =>
        Math.max(1, Math.ceil(number(a + 5 + 2 * w) / Math.max(1, alive))),
      );
      const most = Math.min(count, ...equalParts);
      while (granted < most && wait === 0) {
        const newest = [...this.#set(budget).values()].toSorted((x, y) => y - x);
        for (let w = 0; w < windows; w++) {
          const [limit, span] = [number(a + 5 + 2 * w), number(a + 6 + 2 * w)];
          const places = Math.floor((limit - Math.ceil((limit * (all - alive)) / all)) / part);
          const last = newest[places - 1];
          if (places < 1) wait = Math.max(wait, 1_000);
          else if (last !== undefined) wait = Math.max(wait, last + span - now);
        }
        if (wait > 0) continue;
        wait = 0;
        this.#set(budget).set(`${prefix}${first + granted}`, rounded(now + HOLD_MS));
        granted++;
      }
      reply.push(granted, rounded(Math.min(wait, 1_000)));
      a += 5 + 2 * windows;
    }
    return reply;
  }

  #report(now: number, keys: readonly string[], text: (i: number) => string): Value {
    for (const [index, key] of keys.entries()) {
      const [id, what] = [text(2 * index), text(2 * index + 1)];
      const known = this.#set(key).get(id);
      if (known === undefined) continue;
      if (what === 'refund') this.#set(key).delete(id);
      else if (what !== 'held') this.#set(key).set(id, rounded(now - Number(what)));
      else if (known > now) this.#set(key).set(id, rounded(now + HOLD_MS));
    }
    return keys.length;
  }

  #join(now: number, keys: readonly string[], text: (i: number) => string, number: (i: number) => number): Value {
    const [members, birth, expected, ...budgets] = this.#named(keys);
    const born = this.#get(birth, now) ?? text(2);
    const lost = born !== text(3) && text(3) !== '';
    this.#texts.set(birth, { text: born, until: Infinity });
    if (number(1) > Number(this.#get(expected, now) ?? 0))
      this.#texts.set(expected, { text: text(1), until: this.#expiry ? now + DEAD_MS : Infinity });
    if (!this.#set(members).has(text(0))) this.#set(members).set(text(0), rounded(now - ABSENT_MS - 1));
    let a = 4;
    for (const budget of budgets) {
      const count = number(a++);
      for (let i = 0; i < count; i++, a += 3) {
        const [id, at, kind] = [text(a), rounded(now - number(a + 1)), text(a + 2)];
        if (kind === 'own' || ((kind === 'other' || lost) && !this.#set(budget).has(id))) this.#set(budget).set(id, at);
      }
    }
    return [born, rounded(now)];
  }

  #sync(now: number, keys: readonly string[], text: (i: number) => string, number: (i: number) => number): Value {
    const [members, born, expected, ...budgets] = this.#named(keys);
    const birth = this.#get(born, now);
    if (birth === null || !this.#set(members).has(text(0))) return ['unjoined'];
    this.#set(members).set(text(0), rounded(Math.min(now, number(1))));
    const from = (key: string, score: number): [string, number][] =>
      [...this.#set(key)].filter(([, at]) => at >= score).toSorted(byScore);
    const present = from(members, rounded(now - DEAD_MS)).map(([name]) => name);
    return [
      birth,
      rounded(now),
      present,
      Math.max(1, present.length, Number(this.#get(expected, now) ?? 0)),
      ...budgets.map((budget, index) => from(budget, number(index + 2)).flat()),
    ];
  }

  #named(keys: readonly string[]): readonly [string, string, string, ...string[]] {
    const [a = '', b = '', c = '', ...rest] = keys;
    return [a, b, c, ...rest];
  }

  #set(key: string): Members {
    const known = this.#sets.get(key) ?? new Map<string, number>();
    this.#sets.set(key, known);
    return known;
  }

  #drop(key: string, to: number): void {
    for (const [member, score] of this.#set(key)) if (score <= rounded(to)) this.#set(key).delete(member);
  }

  #get(key: string, now: number): string | null {
    const found = this.#texts.get(key);
    return found === undefined || found.until <= now ? null : found.text;
  }
}
