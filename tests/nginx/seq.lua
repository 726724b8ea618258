-- wrk script: every request has a number of its own, /item?seq=N, growing from 0 with one thread (-t1). wrk makes the
-- first request only to look at it, so the first number sent is 1.
-- With T threads, thread K counts K, K+T, K+2T, ...: unique, but the threads do not end at the same number.
-- SEQ_FIRST in the environment is where to begin, for a second run on the same log. SEQ_DELAY_MS makes each connection wait
-- so long before its next request, for a load that leaves room.
--
-- Requests under way when wrk ends are logged by nginx and not counted by wrk, and one that was made but not sent
-- leaves a hole: take the numbers from the log.

local threads = {}
local delay_ms = tonumber(os.getenv("SEQ_DELAY_MS") or "0")

if delay_ms > 0 then
    function delay() return delay_ms end
end

function setup(thread)
    thread:set("number", #threads)
    table.insert(threads, thread)
    for _, t in ipairs(threads) do t:set("step", #threads) end
end

function init(args)
    local first = tonumber(os.getenv("SEQ_FIRST") or "0")
    seq = first + number
end

function request()
    local path = string.format("/item?seq=%d", seq)
    seq = seq + step
    return wrk.format("GET", path)
end
