import { AGGREGATOR } from '../actors/aggregator.ts';
import type { Detail } from '../runtime/actor.ts';
import type { TreeSnapshot } from '../runtime/inspect.ts';

/** State of this process's aggregator, as it reported to the tree within the last second. */
export interface AggregatorView {
  /** False while another process's aggregator is active, or NATS is down. */
  readonly leading: boolean;
  /** Writes that Redis refused since the aggregator was last started. */
  readonly failedWrites: number;
}

export function aggregatorView(tree: TreeSnapshot): AggregatorView {
  const { leading, failedWrites }: Detail = detailOf(tree) ?? {};
  return { leading: leading === true, failedWrites: typeof failedWrites === 'number' ? failedWrites : 0 };
}

function detailOf(node: TreeSnapshot): Detail | undefined {
  if (node.type === 'actor') return node.path === AGGREGATOR.path ? node.detail : undefined;
  for (const child of node.children) {
    const found = detailOf(child);
    if (found !== undefined) return found;
  }
  return undefined;
}
