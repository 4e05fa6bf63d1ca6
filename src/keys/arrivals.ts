import type { TransitSample, TransitWays } from './transit-guard.ts';
import type { Lease } from './lease.ts';

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

/** Learns from answers how long the way to the provider takes, and moves calls to when they really arrived. */
export class Arrivals {
  readonly #ways: TransitWays;
  readonly #answered: Answered[] = [];

  constructor(ways: TransitWays) {
    this.#ways = ways;
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
    lease.arrived(arrived.at);
  }
}
