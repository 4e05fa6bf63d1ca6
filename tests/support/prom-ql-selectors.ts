import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

export interface Selector {
  readonly name: string;
  /** Labels that it compares. */
  readonly matched: readonly string[];
  /** Labels that the nearest aggregation around it keeps; null without one. */
  readonly kept: readonly string[] | null;
  /** Functions around it, the nearest first. */
  readonly functions: readonly string[];
}

/** The series that a query selects. @throws {SyntaxError} when it is no PromQL */
export function selectorsOf(query: string): Selector[] {
  const text = (node: SyntaxNode): string => query.slice(node.from, node.to);
  const found: Selector[] = [];
  parser.parse(query).iterate({
    enter: ({ node, type }) => {
      if (type.isError) throw new SyntaxError(`no PromQL at ${node.from}: ${query}`);
      if (type.name !== 'VectorSelector') return;
      const around = parentsOf(node);
      const aggregation = around.find(({ name }) => name === 'AggregateExpr');
      const grouping = aggregation?.getChild('AggregateModifier')?.getChild('GroupingLabels') ?? null;
      found.push({
        name: text(node.getChild('Identifier') ?? node),
        matched: (node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map((matcher) =>
          text(matcher.getChild('LabelName') ?? matcher),
        ),
        kept: aggregation === undefined ? null : (grouping?.getChildren('LabelName') ?? []).map(text),
        functions: around
          .filter(({ name }) => name === 'FunctionCall')
          .map((call) => text(call.getChild('FunctionIdentifier') ?? call)),
      });
    },
  });
  return found;
}

function parentsOf(node: SyntaxNode): SyntaxNode[] {
  const parents: SyntaxNode[] = [];
  for (let { parent } = node; parent !== null; { parent } = parent) parents.push(parent);
  return parents;
}
