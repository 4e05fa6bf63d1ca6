import type { ExplainedNode } from '../schemas/tree-schema.ts';
import type { TreeSnapshot } from '../../runtime/inspect.ts';

/** The tree with a sentence for each node: why it is in its state, and which failure it may still have. Pure. */
export function explainedTree(node: TreeSnapshot): ExplainedNode {
  const why = whyOf(node);
  return node.type === 'actor' ? { ...node, why } : { ...node, why, children: node.children.map(explainedTree) };
}

export function whyOf(node: TreeSnapshot): string {
  const forecast = node.state === 'running' || node.state === 'backing-off' ? forecastOf(node) : '';
  return `${stateOf(node)}${forecast}`;
}

function stateOf({ state, restarts, lastFailure, nextRestartAt }: TreeSnapshot): string {
  const failure = lastFailure === null ? '' : `: ${lastFailure.message}`;
  const times = restarts === 1 ? 'once' : `${restarts} times`;
  switch (state) {
    case 'starting':
      return 'starts';
    case 'running':
      if (restarts === 0) return 'runs, and has not failed';
      return lastFailure === null
        ? `runs; it was started again ${times}`
        : `runs; it was started again ${times}, and failed last at ${lastFailure.at}${failure}`;
    case 'backing-off':
      return `waits to be started again${nextRestartAt === null ? '' : ` at ${nextRestartAt}`}, as it failed${failure}`;
    case 'stopping':
      return 'stops';
    case 'stopped':
      return 'was stopped';
    case 'exited':
      return 'ended by itself: its work was done';
    case 'failed':
      return `was given up${failure}`;
  }
}

/** Said only where the next failure would be more than a restart. */
function forecastOf(node: TreeSnapshot): string {
  switch (node.onNextFailure) {
    case 'restart-group':
      return '; a failure now would restart its group';
    case 'escalate':
      return '; a failure now would make its supervisor fail too, as no restarts are left';
    case 'end':
      return '; after a failure now it would not be started again';
    case 'end-supervisor':
      return '; a failure now would end its supervisor';
    case 'restart':
    case null:
      return '';
  }
}
