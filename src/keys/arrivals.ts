import { AdaptiveGuard } from './adaptive-guard.ts';
import type { Lease } from './lease.ts';
import { leastGuardMs, type TransitSample, type TransitWays } from './transit-guard.ts';

/** An answered call, whose arrival can be told. */
interface Answered {
  readonly lease: Lease;
  readonly endpoint: string;
  readonly sentAt: number;
  readonly transit: TransitSample;
}

/** Calls are kept as long as the longest window, to be corrected when the fastest way turns out to be faster. */
const ANSWERED_MS = 61_000;
const MOST_ANSWERED = 2_000;

/**
 * When calls arrive at the provider. Learns from answers how long the way takes, moves answered calls to when they
 * really arrived, and says how long those under way may still be held up.
 */
export class Arrivals {
  readonly #ways: TransitWays;
  readonly #guard: AdaptiveGuard;
  #leastMs: number;
  readonly #answered: Answered[] = [];

  /** `guardMs`: the guard while nothing is late. */
  constructor(ways: TransitWays, guardMs: number) {
    this.#ways = ways;
    this.#guard = new AdaptiveGuard(guardMs);
    this.#leastMs = leastGuardMs(guardMs);
  }

  /** Forgets all other endpoints. */
  configure(guardMs: number, endpoints: ReadonlySet<string>): void {
    this.#guard.leastMs = guardMs;
    this.#leastMs = leastGuardMs(guardMs);
    this.#guard.keep(endpoints);
    this.#ways.keep(endpoints);
  }

  /** See {@link AdaptiveGuard.ownDelay}. */
  ownDelay(ms: number, now: number): void {
    this.#guard.ownDelay(ms, now);
  }

  /** How much later than it left this call counts while under way: the guard, less the one kept from all calls. */
  aheadMs({ key }: Lease, now: number): number {
    return this.#guard.msFor(key.spec.baseUrl, now) - this.#leastMs;
  }

  /** When the guard grew meanwhile: it holds for the calls under way, too. */
  countAnew(underWay: Iterable<Lease>, now: number): void {
    if (!this.#guard.widened()) return;
    for (const lease of underWay) lease.heldUp(this.aheadMs(lease, now));
  }

  /** Takes in one answer: for the guard, and for the arrival of this call and of those before it. */
  measured(lease: Lease, transit: TransitSample, now: number): void {
    const { sentAt } = lease;
    if (sentAt === null) return;
    const endpoint = lease.key.spec.baseUrl;
    const before = this.#ways.fastest(endpoint, now);
    this.#ways.add(endpoint, transit, sentAt, now);
    const after = this.#ways.fastest(endpoint, now);
    const made: Answered = { lease, endpoint, sentAt, transit };
    this.#answered.push(made);
    if (this.#answered.length > MOST_ANSWERED) this.#answered.shift();
    if (before?.value === after?.value && before?.sure === after?.sure) this.#correct(made, now);
    else
      for (const one of this.#answered)
        if (one.endpoint === endpoint && one.sentAt > now - ANSWERED_MS) this.#correct(one, now);
  }

  #correct({ lease, endpoint, sentAt, transit }: Answered, now: number): void {
    const arrived = this.#ways.arrivedAt(endpoint, transit, sentAt, now);
    if (arrived === null || (!arrived.sure && arrived.at <= lease.countedAt)) return;
    if (arrived.sure) this.#guard.wayDelay(endpoint, Math.max(0, arrived.at - sentAt), now);
    lease.arrived(arrived.at);
  }
}
