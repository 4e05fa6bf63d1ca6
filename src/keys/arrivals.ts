import type { TransitSample, TransitWays } from './transit-guard.ts';
import type { Lease } from './lease.ts';

/** A call of which it is known when it arrived. */
interface Answered {
  readonly lease: Lease;
  readonly endpoint: string;
  readonly sentAt: number;
  readonly transit: TransitSample;
}

/** Calls kept to be corrected when a faster way becomes known: as long as the longest window, and bounded. */
const ANSWERED_MS = 61_000;
const MOST_ANSWERED = 2_000;

/** Learns from answers how long the way to the provider takes, and moves calls to where they really arrived. */
export class Arrivals {
  readonly #ways: TransitWays;
  readonly #answered: Answered[] = [];

  constructor(ways: TransitWays) {
    this.#ways = ways;
  }

  /** What the answer told of the way there: for the guard, and for when this call, and those before it, arrived. */
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
