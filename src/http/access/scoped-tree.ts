import type { CameraId } from '../../messages/ids.ts';
import type { Failure, SystemEvent, TreeSnapshot } from '../../runtime/inspect.ts';

type Sees = (cameraId: CameraId) => boolean;

const HIDDEN = 'the reason is for users who see all cameras';

/** The camera whose actor is at a path; null for every other part of the tree. */
export const cameraAt = (path: string): CameraId | null => /^\/cameras\/([^/]+)/u.exec(path)?.[1] ?? null;

/**
 * The tree without the actors of cameras outside the scope, which are counted. Reasons and details of parts that serve
 * all cameras may name any camera: they are left out. Pure.
 */
export function treeOf(tree: TreeSnapshot, sees: Sees): { readonly tree: TreeSnapshot; readonly others: number } {
  let others = 0;
  const shown = (node: TreeSnapshot): TreeSnapshot => {
    if (cameraAt(node.path) !== null) return node;
    const common = {
      lastFailure: node.lastFailure === null ? null : hidden(node.lastFailure),
      events: node.events.map(withoutReason),
    };
    if (node.type === 'actor') return { ...node, ...common, detail: {} };
    const children = node.children.filter(({ path }) => isVisible(path, sees));
    others += node.children.length - children.length;
    return { ...node, ...common, children: children.map(shown) };
  };
  return { tree: shown(tree), others };
}

/** The event as a principal with groups gets it; null when it is of a camera outside the scope. Pure. */
export function eventOf(event: SystemEvent, sees: Sees): SystemEvent | null {
  const camera = cameraAt(event.path);
  if (camera !== null) return sees(camera) ? event : null;
  return withoutReason(event);
}

/** Whether the path is that of a camera in scope, or of a part that serves all cameras. */
export const isVisible = (path: string, sees: Sees): boolean => {
  const camera = cameraAt(path);
  return camera === null || sees(camera);
};

const hidden = (failure: Failure): Failure => ({ ...failure, message: HIDDEN });

function withoutReason(event: SystemEvent): SystemEvent {
  if (event.type === 'failed' || event.type === 'escalated') return { ...event, failure: hidden(event.failure) };
  return event.type === 'restarting' ? { ...event, because: HIDDEN } : event;
}
