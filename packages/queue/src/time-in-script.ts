/** Lines of Lua that set `now` to the time of Redis, in milliseconds since the Unix epoch. */
export const nowInScript = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`
