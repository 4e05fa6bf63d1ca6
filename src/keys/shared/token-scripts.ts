import { ABSENT_MS, CLOCK, HOLD_MS, REDIS_NAMES } from './gate-scripts.ts';

/**
 * Tokens of a minute as Redis keeps them. For each budget a sorted set of calls by when they were over, and a hash with
 * the tokens of each and their sum (`sum`). A call that is not over has the score `now + hold`; its holder prolongs it.
 */
export const TOKEN_NAMES = {
  members: REDIS_NAMES.members,
  expected: REDIS_NAMES.expected,
  /** Names the data: another name means that Redis lost it. */
  born: '{gantry:limits}:tokens-born',
  calls: (budget: string): string => `{gantry:limits}:token-calls:${budget}`,
  weights: (budget: string): string => `{gantry:limits}:token-weights:${budget}`,
} as const;

const KEEP_MS = 120_000;

const HEAD = `
${CLOCK}
local function text(x) return string.format('%.3f', x) end
local function whole(x) return string.format('%.0f', x) end
`;

/**
 * KEYS: members, expected, born, calls, weights. ARGV: node, a name for the data's birth, prefix of ids, first number,
 * count, limit, span (guard included), tokens of each call. Reply: `{'unjoined'}`, or `'ok'`, birth, nodes in all,
 * permits granted, ms to wait for the next (0: none refused). A node that is absent keeps its share, as for calls.
 */
export const RESERVE_TOKENS = `${HEAD}
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return {'unjoined'} end
redis.call('SET', KEYS[3], ARGV[2], 'NX')
local alive = redis.call('ZCOUNT', KEYS[1], text(now - ${ABSENT_MS}), '+inf')
local all = math.max(1, redis.call('ZCARD', KEYS[1]), tonumber(redis.call('GET', KEYS[2]) or '0'))
local limit, span, need = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local sum = tonumber(redis.call('HGET', KEYS[5], 'sum') or '0')
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', text(now - span))) do
  sum = sum - tonumber(redis.call('HGET', KEYS[5], id) or '0')
  redis.call('HDEL', KEYS[5], id)
  redis.call('ZREM', KEYS[4], id)
end
local places = limit - math.ceil(limit * (all - alive) / all)
local granted, wait = 0, 0
while granted < tonumber(ARGV[5]) and wait == 0 do
  if sum + need <= places then
    local id = ARGV[3] .. whole(tonumber(ARGV[4]) + granted)
    redis.call('ZADD', KEYS[4], text(now + ${HOLD_MS}), id)
    redis.call('HSET', KEYS[5], id, whole(need))
    sum = sum + need
    granted = granted + 1
  else
    local over = sum + need - places
    local oldest = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', text(now - span + 1000), 'WITHSCORES')
    wait = 1000
    for i = 1, #oldest, 2 do
      over = over - tonumber(redis.call('HGET', KEYS[5], oldest[i]) or '0')
      if over <= 0 then
        wait = math.max(1, tonumber(oldest[i + 1]) + span - now)
        break
      end
    end
  end
end
redis.call('HSET', KEYS[5], 'sum', whole(sum))
redis.call('PEXPIRE', KEYS[4], ${KEEP_MS})
redis.call('PEXPIRE', KEYS[5], ${KEEP_MS})
return {'ok', redis.call('GET', KEYS[3]), all, granted, text(wait)}`;

/**
 * Reports a node's own calls. One that Redis does not know is added. KEYS: calls and weights of each. ARGV of each: id,
 * its age in ms since it was over (negative: it will be), `held` while it is not, or `refund`, and its tokens.
 */
export const REPORT_TOKENS = `${HEAD}
for i = 1, #KEYS / 2 do
  local calls, weights, id, what = KEYS[2 * i - 1], KEYS[2 * i], ARGV[3 * i - 2], ARGV[3 * i - 1]
  local old = tonumber(redis.call('HGET', weights, id) or '0')
  if what == 'refund' then
    redis.call('HDEL', weights, id)
    redis.call('ZREM', calls, id)
    redis.call('HINCRBY', weights, 'sum', whole(0 - old))
  else
    local new = tonumber(ARGV[3 * i])
    redis.call('HSET', weights, id, whole(new))
    redis.call('HINCRBY', weights, 'sum', whole(new - old))
    redis.call('ZADD', calls, text(what == 'held' and now + ${HOLD_MS} or now - tonumber(what)), id)
  end
  redis.call('PEXPIRE', calls, ${KEEP_MS})
  redis.call('PEXPIRE', weights, ${KEEP_MS})
end
return #KEYS`;
