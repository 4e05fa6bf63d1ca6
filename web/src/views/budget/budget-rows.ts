/** Joins the replies of the API to rows of tables. Pure. */
import type { BudgetReport } from '../../../../src/http/schemas/budget-schema.ts';
import type { KeyView } from '../../../../src/http/schemas/keys-schema.ts';
import type { KeyPoolStats } from '../../../../src/http/schemas/operations-schema.ts';
import type { UsageReport } from '../../../../src/http/schemas/usage-schema.ts';

/** The questions and calls of one camera. */
export type CameraCalls = BudgetReport['questions']['by_camera'][number];

type KeyStats = KeyPoolStats['keys'][number];
export interface LimitUse {
  readonly used: number;
  readonly of: number;
}

/** A key with its use. Null where this user may not see it. */
export interface KeyRow {
  readonly name: string;
  /** Calls a second, calls and tokens a minute; absent: no limit. */
  readonly uses: Readonly<Partial<Record<'qps' | 'rpm' | 'tpm', LimitUse>>>;
  /** When a cooling key is tried again; ISO. */
  readonly coolsUntil: string | null;
  readonly notice: string | null;
  readonly status: KeyStats['status'] | null;
  /** 0..1. */
  readonly successRate: number | null;
  readonly costToday: number | null;
  /** For whoever may administer keys. */
  readonly view: KeyView | null;
}

export interface KeySources {
  readonly report: BudgetReport | undefined;
  /** Undefined for whoever sees some cameras only. */
  readonly stats: KeyPoolStats | undefined;
  readonly views: readonly KeyView[] | null;
  readonly usage: UsageReport | undefined;
}

/** Every key that one of the replies names, in their order. */
export function keyRows({ report, stats, views, usage }: KeySources): readonly KeyRow[] {
  const limits = report?.limits ?? [];
  const byName = new Map(stats?.keys.map((each) => [each.key_id, each]));
  const viewOf = new Map(views?.map((view) => [view.name, view]));
  const cooling = new Map(report?.cooling.map((each) => [each.key, each]));
  const costs = new Map(usage?.byKey.map(({ key, cost }) => [key, cost]));
  const named = limits.flatMap(({ key }) => (key === null ? [] : [key]));
  return [...new Set([...named, ...byName.keys(), ...viewOf.keys(), ...cooling.keys()])].map((name) => {
    const uses = Object.fromEntries(limits.filter(({ key }) => key === name).map((each) => [each.limit, each]));
    const costToday = usage === undefined ? null : (costs.get(name) ?? 0);
    return { name, uses, costToday, ...stateOf(byName.get(name), cooling.get(name)), view: viewOf.get(name) ?? null };
  });
}

const stateOf = (
  stats: KeyStats | undefined,
  rest: BudgetReport['cooling'][number] | undefined,
): Pick<KeyRow, 'coolsUntil' | 'notice' | 'status' | 'successRate'> => ({
  coolsUntil: rest?.until ?? stats?.cooldown_until ?? null,
  notice: stats?.notice ?? rest?.notice ?? null,
  status: stats?.status ?? (rest === undefined ? null : 'cooling'),
  successRate: stats?.success_rate ?? null,
});

/** The limit of a day's cost; null: there is none. */
export const dayLimit = (report: BudgetReport): LimitUse | null =>
  report.limits.find(({ limit }) => limit === 'day') ?? null;

/** Seconds until `until`; null when there is none, or it is over. */
export const secondsUntil = (until: string | null, now: number): number | null =>
  until === null || Date.parse(until) <= now ? null : Math.ceil((Date.parse(until) - now) / 1000);
