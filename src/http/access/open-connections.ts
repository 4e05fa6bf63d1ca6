import type { CameraId } from '../../messages/ids.ts';
import type { SignedIn } from './authenticator.ts';
import type { CameraScope } from './camera-scope.ts';

interface OpenConnection {
  readonly by: SignedIn;
  /** The only camera it is about; null for one that filters by itself. */
  readonly cameraId: CameraId | null;
  readonly close: (reason: string) => void;
}

/**
 * The connections that outlast a request: the live feed, live video and events of the tree. They end when their
 * principal may no longer have them. As many as the limits of connections allow.
 */
export class OpenConnections {
  readonly #open = new Set<OpenConnection>();

  constructor(scope: Pick<CameraScope, 'sees' | 'onChange'>) {
    scope.onChange(({ cameraId }) => {
      this.#end(
        (one) => one.cameraId === cameraId && !scope.sees(one.by.principal, cameraId),
        'the camera is no longer in your scope',
      );
    });
  }

  /**
   * Adds a connection; the returned function takes it out, and is called when it closes.
   *
   * @param close ends it; the reason is for its client
   */
  add(by: SignedIn, close: (reason: string) => void, cameraId: CameraId | null = null): () => void {
    const one = { by, cameraId, close };
    this.#open.add(one);
    return () => this.#open.delete(one);
  }

  /**
   * Ends the connections of principals that were signed out, removed or given other rights; their clients come back
   * with the new ones, if any. Returns how many.
   */
  end(isAffected: (by: SignedIn) => boolean): number {
    return this.#end(({ by }) => isAffected(by), 'your access changed: sign in again, or connect again');
  }

  /** By whom connections are open, each once for every connection. */
  *openedBy(): Generator<SignedIn> {
    for (const { by } of this.#open) yield by;
  }

  #end(isAffected: (connection: OpenConnection) => boolean, reason: string): number {
    const affected = [...this.#open].filter(isAffected);
    for (const one of affected) {
      this.#open.delete(one);
      one.close(reason);
    }
    return affected.length;
  }
}
