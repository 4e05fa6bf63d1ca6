/** The supervisor tree of the API as the view needs it. Pure. */
import type { ExplainedNode } from '../../../../src/http/schemas/tree-schema.ts';
import type { TreeItem } from '../../parts/tree.tsx';

export interface TreeEntry {
  readonly node: ExplainedNode;
  /** Null for the root. */
  readonly parent: Extract<ExplainedNode, { type: 'supervisor' }> | null;
}

/** Children of one branch that are shown at most; a search finds the others. */
export const MOST_CHILDREN = 200;

/** Every node by its path. */
export function entriesOf(tree: ExplainedNode): ReadonlyMap<string, TreeEntry> {
  const entries = new Map<string, TreeEntry>();
  const visit = (node: ExplainedNode, parent: TreeEntry['parent']): void => {
    entries.set(node.path, { node, parent });
    if (node.type === 'supervisor') for (const child of node.children) visit(child, node);
  };
  visit(tree, null);
  return entries;
}

export const nameOfPath = (path: string): string => (path === '/' ? 'Gantry' : path.slice(path.lastIndexOf('/') + 1));

/** Not as it should be: waiting for a restart, given up, or with restarts behind it in this period. */
export const isTroubled = (node: ExplainedNode): boolean =>
  node.state === 'failed' ||
  node.state === 'backing-off' ||
  (node.type === 'actor' && node.mailbox.depth >= node.mailbox.capacity) ||
  (node.type === 'supervisor' && node.intensity.left < node.intensity.maxRestarts);

export interface TreeFilter {
  readonly text: string;
  readonly troubledOnly: boolean;
}

export interface ShownTree {
  readonly items: readonly TreeItem[];
  /** Branches that hold something found. */
  readonly branches: readonly string[];
  /** Nodes that were found but not shown, as their branch has too many. */
  readonly left: number;
}

/** The nodes that match, with all branches above them. A branch that matches by its name keeps all its children. */
export function shownTree(tree: ExplainedNode, { text, troubledOnly }: TreeFilter): ShownTree {
  const wanted = text.trim().toLowerCase();
  const branches: string[] = [];
  let left = 0;
  const matches = (node: ExplainedNode): boolean =>
    node.path.toLowerCase().includes(wanted) && (!troubledOnly || isTroubled(node));
  const itemOf = (node: ExplainedNode): TreeItem | null => {
    const own = { id: node.path, name: nameOfPath(node.path) };
    if (node.type === 'actor') return matches(node) ? own : null;
    const found = node.children.map(itemOf).filter((item) => item !== null);
    if (found.length === 0 && !matches(node)) return null;
    branches.push(node.path);
    left += Math.max(0, found.length - MOST_CHILDREN);
    return { ...own, children: found.slice(0, MOST_CHILDREN) };
  };
  const root = itemOf(tree);
  return { items: root === null ? [] : [root], branches, left };
}

/** The camera whose actor is at a path; null for every other part. Operators restart the first, admins the rest. */
export const cameraAtPath = (path: string): string | null => /^\/cameras\/([^/]+)/u.exec(path)?.[1] ?? null;
