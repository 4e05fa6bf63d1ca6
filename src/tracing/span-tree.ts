import type { Span } from './span.ts';

export interface SpanNode {
  readonly span: Span;
  /** In the order in which they begin. */
  readonly children: readonly SpanNode[];
}

/** Spans under their parents. A span whose parent is not among them is put under the first one without a parent. */
export function treeOf(spans: readonly Span[]): readonly SpanNode[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const top = spans.find(({ parentSpanId }) => parentSpanId === null);
  const parentOf = ({ spanId, parentSpanId }: Span): string | null => {
    if (parentSpanId === null) return null;
    if (ids.has(parentSpanId)) return parentSpanId;
    return top === undefined || top.spanId === spanId ? null : top.spanId;
  };
  const byParent = Map.groupBy(spans, parentOf);
  const nodes = (of: string | null): SpanNode[] =>
    (byParent.get(of) ?? [])
      .toSorted((a, b) => a.startMs - b.startMs)
      .map((span) => ({ span, children: nodes(span.spanId) }));
  return nodes(null);
}

/** The nodes with their depth, from 0: a parent before its children. */
export function inOrder(nodes: readonly SpanNode[], depth = 0): { readonly span: Span; readonly depth: number }[] {
  return nodes.flatMap(({ span, children }) => [{ span, depth }, ...inOrder(children, depth + 1)]);
}
