/** One Gantry with a provider, warmed up, and loads on it. */
import { Ledger, type Tally } from './journey.ts';
import type { ProviderOrder } from './orders.ts';
import { run, type RunEnd, type Target } from './run.ts';
import { type GantryOptions, type Provider, startGantryProcess, startProvider } from './stack.ts';

const CAMERAS = 50;
/** So many keys with so high limits that they hold nothing up. */
const PROVIDER: ProviderOrder = { keys: 20, qps: 100, latency: { medianMs: 40, p95Ms: 80 } };

/** One load that counts. */
export interface Rate {
  readonly groupsPerSecond: number;
  readonly seconds: number;
}

export interface Measured {
  readonly ledger: Ledger;
  readonly tally: Tally;
  readonly end: RunEnd;
}

export class WarmGantry {
  readonly #target: Target;
  readonly #provider: Provider;
  readonly #warmUpMs: number;

  private constructor(target: Target, provider: Provider, warmUpMs: number) {
    this.#target = target;
    this.#provider = provider;
    this.#warmUpMs = warmUpMs;
  }

  /** Starts provider and Gantry, warms them up, and ends both after `use`. */
  static async with(
    { quick, ...options }: Omit<GantryOptions, 'provider'> & { readonly quick: boolean },
    use: (gantry: WarmGantry) => Promise<void>,
  ): Promise<void> {
    const provider = await startProvider(PROVIDER);
    try {
      const gantry = await startGantryProcess({ ...options, provider });
      try {
        const target = { ...gantry, pids: new Map([...gantry.pids, ['provider', provider.pid]]) };
        console.log('warming up ...');
        // V8 compiles for the first half minute at a high rate, which takes a tenth of the CPU.
        const before = quick ? { groupsPerSecond: 100, seconds: 3 } : { groupsPerSecond: 250, seconds: 40 };
        await run(target, { cameras: CAMERAS, ...before, seed: 1 }, new Ledger());
        await use(new WarmGantry(target, provider, quick ? 2_000 : 5_000));
      } finally {
        await gantry.stop();
      }
    } finally {
      provider.stop();
    }
  }

  /** Runs a load. Frames of its first seconds, while connections are opened, are left out of the tally's journeys. */
  async measure({ groupsPerSecond, seconds }: Rate): Promise<Measured> {
    console.log(`${groupsPerSecond} groups/s for ${seconds} s ...`);
    const ledger = new Ledger();
    const end = await run(this.#target, { cameras: CAMERAS, groupsPerSecond, seconds, seed: 1_000 }, ledger);
    const { calls } = await this.#provider.record();
    return { ledger, tally: ledger.tally(calls, end.beganAt + this.#warmUpMs), end };
  }

  /** Windows of a key that held more calls than allowed, over all loads so far. */
  async violations(): Promise<number> {
    return (await this.#provider.record()).violations;
  }
}

/** Milliseconds of CPU that Gantry's process used for each group. */
export const cpuPerGroupMs = (end: RunEnd, groupsPerSecond: number): number =>
  ((end.cores.get('Gantry') ?? Number.NaN) * 1_000) / groupsPerSecond;
