/**
 * These scripts make the result independent of the number of writers, of repeated writes and of their order. They find
 * fields in the JSON text instead of decoding it: inside a string a quote is escaped, so `"timestamp":"` can only be
 * the field, and the aggregate's own comes first.
 */
const FIELDS = `
local function stamp(json) return string.match(json, '"timestamp":"([^"]+)"') or '' end
local function revision(json) return tonumber(string.match(json, '"revision":(%d+)') or '0') end
local function request(json) return string.match(json, '"requestId":"([^"]+)"') or '' end
`;

/**
 * KEYS: `camera:{id}:latest`. ARGV: the aggregate, its life in seconds, the channel. Stores it unless a newer frame, or
 * a higher revision of the same one, is stored; publishes it in any case. Reply: 1 when it was stored.
 */
export const PUSH_AGGREGATE = `${FIELDS}
local kept = 0
local there = redis.call('GET', KEYS[1])
local newer = there and (stamp(there) > stamp(ARGV[1])
  or (request(there) == request(ARGV[1]) and revision(there) > revision(ARGV[1])))
if not newer then
  redis.call('SETEX', KEYS[1], ARGV[2], ARGV[1])
  kept = 1
end
redis.call('PUBLISH', ARGV[3], ARGV[1])
return kept`;

/**
 * KEYS: `alerts:{id}`. ARGV: the aggregate, most entries. Inserts it by the time of its frame, newest first, or
 * replaces a lower revision of it. Reply: 1 when the list changed.
 */
export const KEEP_ALERT = `${FIELDS}
local alert, most = ARGV[1], tonumber(ARGV[2])
local list = redis.call('LRANGE', KEYS[1], 0, -1)
local same = '"requestId":"' .. request(alert) .. '"'
local after = nil
for i = 1, #list do
  if string.find(list[i], same, 1, true) then
    if revision(list[i]) >= revision(alert) then return 0 end
    redis.call('LSET', KEYS[1], i - 1, alert)
    return 1
  end
  if not after and stamp(list[i]) <= stamp(alert) then after = i end
end
if after == 1 then redis.call('LPUSH', KEYS[1], alert)
elseif after then redis.call('LINSERT', KEYS[1], 'BEFORE', list[after], alert)
elseif #list < most then redis.call('RPUSH', KEYS[1], alert)
else return 0 end
redis.call('LTRIM', KEYS[1], 0, most - 1)
return 1`;

/**
 * KEYS: `alerts:{id}`. ARGV: most entries, bytes of one, bytes of all. Reply: the newest first, as many as
 * fit. One over its bound is cut one byte behind it, so that its reader refuses it.
 */
export const READ_ALERTS = `
local one, left = tonumber(ARGV[2]), tonumber(ARGV[3])
local found = {}
for _, json in ipairs(redis.call('LRANGE', KEYS[1], 0, tonumber(ARGV[1]) - 1)) do
  if #json > one then json = string.sub(json, 1, one + 1) end
  left = left - #json
  if left < 0 then break end
  found[#found + 1] = json
end
return found`;
