import { join } from 'node:path';
import type { CallUsage } from '../actors/scheduler/scheduler.types.ts';
import type { HttpPorts } from '../http/ports.ts';
import type { Log } from '../infra/log.ts';
import { systemClock } from '../runtime/clock.ts';
import type { DataNotices } from '../storage/set-aside.ts';
import { UsageBooks } from '../usage/books.ts';
import { UsageLedger } from '../usage/usage-ledger.ts';
import type { UsedKeys } from './use-keys.ts';
import { usagePort } from './usage-port.ts';

export interface UsedUsage {
  readonly ledger: UsageLedger;
  readonly port: HttpPorts['usage'];
  /** Returns the cost of the call. */
  record(call: CallUsage): number;
  notices(): readonly string[];
  close(): Promise<void>;
}

export interface UsageOptions {
  readonly dataDir: string;
  readonly redisUrl: string | null;
  readonly keys: Pick<UsedKeys, 'admin' | 'nodeId'>;
  readonly log: Log;
  readonly dataNotices: DataNotices;
}

/** Starts the count of tokens and cost, which warns when the day's budget is spent. */
export async function useUsage({ dataDir, redisUrl, keys, log, dataNotices }: UsageOptions): Promise<UsedUsage> {
  const dailyBudget = (): number | null => keys.admin.keys.dailyBudget;
  const ledger = new UsageLedger({ clock: systemClock, prices: () => keys.admin.keys.prices, dailyBudget });
  const books = await UsageBooks.open({
    ledger,
    folder: join(dataDir, 'usage'),
    redisUrl,
    nodeId: keys.nodeId,
    log,
    notices: dataNotices,
  });
  let saidFor = '';
  return {
    ledger,
    port: usagePort(books, ledger, dailyBudget),
    record: (call) => {
      const cost = ledger.record(call);
      if (ledger.allows() || saidFor === ledger.day) return cost;
      saidFor = ledger.day;
      log.warn(
        { day: ledger.day, budget: dailyBudget(), spent: ledger.spent },
        `the budget of ${ledger.day} is spent: rules assess the groups until midnight UTC`,
      );
      return cost;
    },
    notices: () => [
      ...books.notices(),
      ...(ledger.allows() ? [] : [`the budget of ${ledger.day} is spent: rules assess the groups until midnight UTC`]),
    ],
    close: () => books.close(),
  };
}
