/**
 * The limits as Redis keeps them, on its own clock (`TIME`), so that the clocks of the nodes do not matter. Each budget
 * is a sorted set with one member for each call; its score is the epoch ms at which the call left. A permit whose call
 * is not reported yet has the score `now + hold`: ahead of everything, so it counts in every window. If its holder
 * dies, it counts as having left at that moment and leaves the windows by itself.
 *
 * `{...}` in the names keeps them in one slot of a Redis Cluster.
 */
export const REDIS_NAMES = {
  members: '{gantry:limits}:members',
  born: '{gantry:limits}:born',
  expected: '{gantry:limits}:expected',
  budget: (name: string): string => `{gantry:limits}:budget:${name}`,
} as const;

/** A member not heard from for this long is absent. Its share is kept for it, since it may be calling on its own. */
export const ABSENT_MS = 3_000;
/** After this long a member is dead, and its share goes to the others. */
export const DEAD_MS = 120_000;
/** A permit not reported counts as sent after this; its holder prolongs it while it lives. */
export const HOLD_MS = 10_000;
const KEEP_MS = 120_000;

/** How the scripts read the time; a test that replays them puts a clock of its own in its place. */
export const CLOCK = `local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + tonumber(t[2]) / 1000`;

const HEAD = `
${CLOCK}
local function text(x) return string.format('%.3f', x) end
`;

/**
 * KEYS: members, born, expected, then budgets. ARGV: node, when it asked (ms by its idea of Redis's clock: a command
 * that was long on its way must not make the node look present), then for each budget: prefix of ids, first number,
 * count, the part of each window that may be taken (1: all of it, 2: half, for permits that nobody waits for yet),
 * number of windows, and limit and span (guard included) of each. A node gets at most an equal part of a window at
 * once, so that each of several nodes that ask together gets some; it may ask again. Reply: `{'unjoined'}`, or `'ok'`,
 * now, nodes alive, nodes in all, then for each budget the permits granted and the ms to wait for the next (0: none
 * refused).
 */
export const ACQUIRE = `${HEAD}
local node = ARGV[1]
if redis.call('EXISTS', KEYS[2]) == 0 or not redis.call('ZSCORE', KEYS[1], node) then return {'unjoined'} end
redis.call('ZADD', KEYS[1], text(math.min(now, tonumber(ARGV[2]))), node)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now - ${DEAD_MS}))
local alive = redis.call('ZCOUNT', KEYS[1], text(now - ${ABSENT_MS}), '+inf')
local all = math.max(1, redis.call('ZCARD', KEYS[1]), tonumber(redis.call('GET', KEYS[3]) or '0'))
local absent = all - alive
local reply = {'ok', text(now), alive, all}
local a = 3
for b = 4, #KEYS do
  local key, prefix, first, count = KEYS[b], ARGV[a], tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local part, windows = tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now - ${KEEP_MS}))
  local granted, wait = 0, 0
  for w = 0, windows - 1 do
    local fair = math.ceil(tonumber(ARGV[a + 5 + 2 * w]) / math.max(1, alive))
    count = math.min(count, math.max(1, fair))
  end
  while granted < count and wait == 0 do
    for w = 0, windows - 1 do
      local limit, span = tonumber(ARGV[a + 5 + 2 * w]), tonumber(ARGV[a + 6 + 2 * w])
      local places = math.floor((limit - math.ceil(limit * absent / all)) / part)
      if places < 1 then
        wait = math.max(wait, 1000)
      else
        local last = redis.call('ZREVRANGE', key, places - 1, places - 1, 'WITHSCORES')
        if last[2] then wait = math.max(wait, tonumber(last[2]) + span - now) end
      end
    end
    if wait <= 0 then
      wait = 0
      redis.call('ZADD', key, text(now + ${HOLD_MS}), prefix .. string.format('%d', first + granted))
      granted = granted + 1
    end
  end
  if granted > 0 then redis.call('PEXPIRE', key, ${KEEP_MS}) end
  reply[#reply + 1] = granted
  reply[#reply + 1] = text(math.min(wait, 1000))
  a = a + 5 + 2 * windows
end
return reply`;

/**
 * KEYS: budgets. ARGV for each: id, and one of: ms since its call left, `held` to prolong a permit that did not run
 * out, `refund`.
 */
export const REPORT = `${HEAD}
for i = 1, #KEYS do
  local id, what = ARGV[2 * i - 1], ARGV[2 * i]
  if what == 'refund' then redis.call('ZREM', KEYS[i], id)
  elseif what == 'held' then
    local score = redis.call('ZSCORE', KEYS[i], id)
    if score and tonumber(score) > now then redis.call('ZADD', KEYS[i], text(now + ${HOLD_MS}), id) end
  else redis.call('ZADD', KEYS[i], 'XX', text(now - tonumber(what)), id) end
  redis.call('PEXPIRE', KEYS[i], ${KEEP_MS})
end
return #KEYS`;

/**
 * Makes this node a member and tells Redis of the calls it knows, so that a Redis that lost its data learns them again.
 * The member counts as absent until it asks for the first time: it may not have got the reply, and be calling alone.
 * KEYS: members, born, expected, then budgets. ARGV: node, nodes known before, a name for the data's birth, the birth
 * known before, then for each budget the number of entries and of each its id, age in ms and kind: `own` (its time is
 * what we say), `other` (only when missing) or `assumed` (only when the data is not what we knew). Reply: birth, now.
 */
export const JOIN = `${HEAD}
local node, before = ARGV[1], tonumber(ARGV[2])
local born = redis.call('GET', KEYS[2])
if not born then born = ARGV[3] end
local lost = born ~= ARGV[4] and ARGV[4] ~= ''
redis.call('SET', KEYS[2], born)
if before > tonumber(redis.call('GET', KEYS[3]) or '0') then redis.call('SET', KEYS[3], before, 'PX', ${DEAD_MS}) end
redis.call('ZADD', KEYS[1], 'NX', text(now - ${ABSENT_MS} - 1), node)
local a = 5
for b = 4, #KEYS do
  local count = tonumber(ARGV[a])
  a = a + 1
  for _ = 1, count do
    local id, at, kind = ARGV[a], text(now - tonumber(ARGV[a + 1])), ARGV[a + 2]
    if kind == 'own' then redis.call('ZADD', KEYS[b], at, id)
    elseif kind == 'other' or lost then redis.call('ZADD', KEYS[b], 'NX', at, id) end
    a = a + 3
  end
  redis.call('PEXPIRE', KEYS[b], ${KEEP_MS})
end
return {born, text(now)}`;

/** KEYS: budget left, budget entered. Calls of the first count in the second as well. Idempotent. */
export const MOVE = `redis.call('ZUNIONSTORE', KEYS[2], 2, KEYS[2], KEYS[1], 'AGGREGATE', 'MAX')
return redis.call('PEXPIRE', KEYS[2], ${KEEP_MS})`;

/**
 * KEYS: members, born, expected, then budgets. ARGV: node, when it asked, then for each budget the score from which on.
 * Reply: birth, now, members, nodes in all (more than members while not all came back to a Redis that lost its data),
 * then for each budget its entries with scores.
 */
export const SYNC = `${HEAD}
if redis.call('EXISTS', KEYS[2]) == 0 or not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return {'unjoined'} end
redis.call('ZADD', KEYS[1], text(math.min(now, tonumber(ARGV[2]))), ARGV[1])
local present = redis.call('ZRANGEBYSCORE', KEYS[1], text(now - ${DEAD_MS}), '+inf')
local reply = {redis.call('GET', KEYS[2]), text(now), present}
reply[4] = math.max(1, #reply[3], tonumber(redis.call('GET', KEYS[3]) or '0'))
for b = 4, #KEYS do reply[b + 1] = redis.call('ZRANGEBYSCORE', KEYS[b], ARGV[b - 1], '+inf', 'WITHSCORES') end
return reply`;
