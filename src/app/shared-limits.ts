import type { Log } from '../infra/log.ts';
import type { PermitGate } from '../keys/shared/gate.ts';
import { RedisGate } from '../keys/shared/redis-gate.ts';
import { TokenGate } from '../keys/shared/token-gate.ts';
import { steadyNow } from '../keys/steady.ts';
import { systemClock } from '../runtime/clock.ts';
import type { DataNotices } from '../storage/set-aside.ts';
import type { GantryConfig } from './config.ts';
import { LimitMembers } from './limit-members.ts';

/** Longest wait for Redis at the start. */
const JOIN_WAIT_MS = 2_000;
const TOKENS_NOT_SHARED = 'token limits: Redis is down, so this node keeps to its share of them until it is back';
const limitsNotShared = (nodes: number): string =>
  `API key limits: Redis is down, so this node keeps to its share (1 of ${nodes}) of every budget until it is back`;

export interface SharedLimits {
  readonly gate: PermitGate;
  /** One sentence for an operator while limits are not shared. */
  notices(): readonly string[];
  close(): Promise<void>;
}

/** Opens limits that are held together with every other node of this Redis. Waits for Redis, at most 2 s. */
export async function openSharedLimits(
  config: Pick<GantryConfig, 'dataDir' | 'expectedNodes'>,
  url: string,
  nodeId: string,
  log: Log,
  dataNotices: DataNotices,
): Promise<SharedLimits> {
  const members = await LimitMembers.open(config.dataDir, log, dataNotices);
  const shared = { url, nodeId, now: () => steadyNow(systemClock), log };
  const calls = new RedisGate({
    ...shared,
    members: members.known,
    nodes: config.expectedNodes,
    onMembers: (now) => void members.keep(now),
  });
  const gate = new TokenGate(calls, shared);
  if (!(await calls.ready(JOIN_WAIT_MS)))
    log.warn(
      { nodes: calls.nodes, lastKnown: members.known.length },
      'API key limits are not shared yet: Redis does not answer; this node keeps to its share of them (1 of ' +
        `${calls.nodes}, as last known or expected)`,
    );
  return {
    gate,
    notices: () => {
      if (calls.mode === 'degraded') return [limitsNotShared(calls.nodes)];
      return gate.mode === 'degraded' ? [TOKENS_NOT_SHARED] : [];
    },
    close: async () => {
      await gate.close();
      await members.done();
    },
  };
}
