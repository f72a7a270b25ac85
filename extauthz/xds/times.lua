-- Whether the times of a token are as we issue them, and it is alive: to the second, as the gate
-- has it. The value is `iat,nbf,exp,newer_than,SECOND.DIGEST` and nothing after that.
local match, time, tonumber = string.match, os.time, tonumber
local AHEAD = 30 -- seconds that the clock of another node may be ahead
local FORM = "^(%d+),(%d+),(%d+),(%d+),(%d+)%.%x+$"

function envoy_match(value)
  local issued, from, ends, revoked, changed = match(value, FORM)
  if not issued or issued ~= from then return false end
  issued = tonumber(issued)
  local now = time()
  return tonumber(ends) > now
    and issued <= now + AHEAD
    and issued > tonumber(revoked)
    and issued > tonumber(changed)
end
