-- Whether the times of a token are as we issue them, and it is alive: to the second, as the gate
-- has it. The value is `iat,nbf,exp,newer_than,SECOND.DIGEST` and nothing after that.
-- A loop over bytes is compiled, as a pattern is not.
local byte, find, time = string.byte, string.find, os.time
local AHEAD = 30 -- seconds that the clock of another node may be ahead
local ZERO, COMMA, DOT = 0x30, 0x2c, 0x2e

-- The number that stands there and ends with that character, and where the next one begins.
local function number(text, from, stop)
  local found = 0
  for place = from, #text do
    local code = byte(text, place)
    if code == stop and place > from then return found, place + 1 end
    if code < ZERO or code > ZERO + 9 then return nil, 1 end
    found = found * 10 + code - ZERO
  end
  return nil, 1
end

function envoy_match(value)
  local issued, from, ends, revoked, changed, place
  issued, place = number(value, 1, COMMA)
  from, place = number(value, place, COMMA)
  ends, place = number(value, place, COMMA)
  revoked, place = number(value, place, COMMA)
  changed, place = number(value, place, DOT)
  if not (issued and from and ends and revoked and changed) then return false end
  if issued ~= from or find(value, ",", place, true) then return false end
  local now = time()
  return ends > now
    and issued <= now + AHEAD
    and issued > revoked
    and issued > changed
end
