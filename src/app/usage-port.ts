import type { HttpPorts } from '../http/ports.ts';
import type { UsageBooks } from '../usage/books.ts';
import { sumRows, type UsageLedger, type UsageRow } from '../usage/usage-ledger.ts';

const figuresOf = ({ calls, promptTokens, completionTokens, cost }: UsageRow) => ({
  calls,
  promptTokens,
  completionTokens,
  cost: rounded(cost),
});
/** To 8 decimals: sums of prices carry binary rounding errors. */
const rounded = (cost: number): number => Math.round(cost * 1e8) / 1e8;

/** The HTTP room's port for usage. */
export function usagePort(
  books: UsageBooks,
  ledger: UsageLedger,
  dailyBudget: () => number | null,
): HttpPorts['usage'] {
  return async (asked) => {
    const day = asked ?? ledger.day;
    const { rows, complete } = await books.rows(day);
    const by = (only: 'key' | 'camera') =>
      sumRows([rows.map((row) => ({ ...row, [only === 'key' ? 'camera' : 'key']: '' }))]);
    const [total] = sumRows([rows.map((row) => ({ ...row, key: '', camera: '' }))]);
    return {
      day,
      ...figuresOf(total ?? { key: '', camera: '', calls: 0, promptTokens: 0, completionTokens: 0, cost: 0 }),
      dailyBudget: day === ledger.day ? dailyBudget() : null,
      withinBudget: day !== ledger.day || ledger.allows(),
      complete,
      byKey: by('key').map((row) => ({ key: row.key, ...figuresOf(row) })),
      byCamera: by('camera').map((row) => ({ camera: row.camera, ...figuresOf(row) })),
    };
  };
}
