-- wrk script: the numbered requests of tests/nginx/seq.lua, each connection waiting DELAY_MS before its next one.

dofile(os.getenv("SEQ_LUA"))

local delay_ms = tonumber(os.getenv("DELAY_MS"))

function delay() return delay_ms end
