import { AGGREGATOR } from '../actors/aggregator.ts';
import type { Detail } from '../runtime/actor.ts';
import type { TreeSnapshot } from '../runtime/inspect.ts';

/** How this process's aggregator stands, as it reported to the tree within the last second. */
export interface AggregatorView {
  /** False while another process's aggregator works, or NATS is down. */
  readonly leading: boolean;
  /** Its writes that Redis did not take, since it was last started. */
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
