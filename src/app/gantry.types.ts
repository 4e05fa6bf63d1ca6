import type { Log } from '../infra/log.ts';
import type { ActorSystem } from '../runtime/system.ts';
import type { GantryConfig } from './config.ts';
import type { CameraHooks } from './role-cameras.ts';

/** A running Gantry. */
export interface Gantry {
  readonly url: string;
  readonly natsUrl: string;
  readonly redisUrl: string | null;
  readonly system: ActorSystem;
  /** Ends everything it started, in reverse order. Later calls wait for the first. */
  stop(): Promise<void>;
}

export interface StartOptions extends CameraHooks {
  readonly config: GantryConfig;
  readonly log: Log;
  /** Called when the root supervisor gave up; all actors are stopped. */
  readonly onLost: (error: Error) => void;
  /** Gives up a start under way. */
  readonly signal?: AbortSignal;
}
