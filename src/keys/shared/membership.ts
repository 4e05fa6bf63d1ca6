import { COMMAND_TIMEOUT_MS } from './limits-redis.ts';
import { ABSENT_MS } from './gate-scripts.ts';

export interface MembershipOptions {
  readonly nodeId: string;
  /** The pool's clock, see `steadyNow`. */
  readonly now: () => number;
  /** Nodes to assume at least while Redis was never reached. Default: as many as `members`, else 1. */
  readonly nodes?: number;
  /** The nodes as they were last known, in an earlier life perhaps. */
  readonly members?: readonly string[];
  /** Called when the set of nodes changed. */
  readonly onMembers?: (members: readonly string[]) => void;
}

/** The nodes that share the limits, as last known here, and until when they take this one for present. */
export class Membership {
  readonly #options: MembershipOptions;
  #members: readonly string[];
  #nodes: number;
  #contactAt = -Infinity;
  /** When a command that shows this node as present was last sent. */
  #spokeAt = -Infinity;
  /** Redis's clock less ours, at most as much as it is. */
  #offset = 0;
  #everJoined = false;
  #born = '';

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#members = (options.members ?? []).toSorted();
    this.#nodes = Math.max(1, options.nodes ?? 1, this.#members.length);
  }

  get nodes(): number {
    return this.#nodes;
  }

  /** Place of this node among them, from 0. */
  get rank(): number {
    return Math.max(0, this.#members.indexOf(this.#options.nodeId));
  }

  /** Nodes that Redis told of; 0: none yet. */
  get met(): number {
    return this.#everJoined ? this.#nodes : 0;
  }

  /** Name of Redis's data as last known; empty before. */
  get born(): string {
    return this.#born;
  }

  /** Time of the last reply from Redis. */
  get contactAt(): number {
    return this.#contactAt;
  }

  joined(born: string): void {
    this.#born = born;
    this.#everJoined = true;
  }

  heard(redisNow: number, now: number): void {
    this.#contactAt = now;
    this.#offset = redisNow - now;
  }

  /** Now by Redis's clock, never later than it is; sent with commands that show this node as present. */
  stamp(): string {
    this.#spokeAt = this.#options.now();
    return (this.#spokeAt + this.#offset).toFixed(3);
  }

  /** `present` are known to Redis, `nodes` are there in all. */
  saw(present: readonly string[], nodes: number): void {
    this.#nodes = Math.max(1, nodes);
    // Not all nodes came back to a Redis that lost its data: missing ones keep their place.
    const members = [...new Set(present.length < this.#nodes ? [...present, ...this.#members] : present)].toSorted();
    if (members.join() !== this.#members.join()) this.#options.onMembers?.(members);
    this.#members = members;
  }

  /** Until then the other nodes may not have noticed that this one is absent. */
  get quietUntil(): number {
    return this.#everJoined && this.#nodes > 1 ? this.#spokeAt + ABSENT_MS + COMMAND_TIMEOUT_MS : -Infinity;
  }
}
