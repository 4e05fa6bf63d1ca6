import { FLOW_STAGES, type FlowReport, type FlowStageName } from '../http/schemas/system-schema.ts';
import type { StageFigures } from './node-figures.ts';
import type { SeenNode } from './node-roster.ts';

/** Messages that durable consumers have not had yet, by the stage that they belong to. */
export type StageLags = Readonly<Partial<Record<FlowStageName, number>>>;

/** The stages of all present nodes together. `lags`: null while NATS cannot be asked. Pure. */
export function flowReport(nodes: readonly Pick<SeenNode, 'state' | 'stages'>[], lags: StageLags | null): FlowReport {
  const all = nodes.filter(({ state }) => state === 'present').flatMap(({ stages }) => stages);
  return {
    stages: FLOW_STAGES.map((name) =>
      sumOf(
        name,
        all.filter((one) => one.name === name),
        lags,
      ),
    ),
  };
}

function sumOf(
  name: FlowStageName,
  parts: readonly StageFigures[],
  lags: StageLags | null,
): FlowReport['stages'][number] {
  const sum = (of: (one: StageFigures) => number): number => parts.reduce((total, one) => total + of(one), 0);
  const shed = new Map<string, number>();
  for (const [reason, count] of parts.flatMap((one) => Object.entries(one.shed)))
    shed.set(reason, (shed.get(reason) ?? 0) + count);
  const ages = parts.map(({ oldestMs }) => oldestMs).filter((age) => age !== null);
  return {
    name,
    nodes: parts.length,
    perSecond: Math.round(sum((one) => one.perSecond) * 100) / 100,
    waiting: sum((one) => one.waiting),
    oldestMs: ages.length === 0 ? null : Math.max(...ages),
    lag: lags?.[name] ?? null,
    // Most first.
    shed: [...shed].map(([reason, count]) => ({ reason, count })).toSorted((a, b) => b.count - a.count),
    failed: sum((one) => one.failed),
  };
}
