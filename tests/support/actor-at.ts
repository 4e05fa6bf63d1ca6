import type { ActorSnapshot, TreeSnapshot } from '../../src/runtime/inspect.ts';

/** The actor at a path of a tree; throws when there is none. */
export function actorAt(tree: TreeSnapshot, path: string): ActorSnapshot {
  const found = walk(tree).find((each) => each.path === path);
  if (found === undefined) throw new Error(`no actor at ${path}`);
  return found;
}

const walk = (tree: TreeSnapshot): ActorSnapshot[] => (tree.type === 'actor' ? [tree] : tree.children.flatMap(walk));
