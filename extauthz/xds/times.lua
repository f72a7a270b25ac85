-- Whether a token is alive: to the second, as the gate has it. The value is `iat,exp,newer_than`, as
-- `core.zerohop` writes it. A loop over bytes is compiled, as a pattern is not.
local byte, time = string.byte, os.time
local AHEAD = 30 -- seconds that the clock of another node may be ahead
local ZERO, COMMA = 0x30, 0x2c

-- The number from there to the next comma, or to the end, and where that is.
local function number(text, from)
  local found, past = 0, #text + 1
  for place = from, past do
    local code = byte(text, place)
    if code == COMMA or not code then return place > from and found, place end
    if code < ZERO or code > ZERO + 9 then return false, past end
    found = found * 10 + code - ZERO
  end
  return false, past
end

function envoy_match(value)
  local issued, ends, revoked, place
  issued, place = number(value, 1)
  ends, place = number(value, place + 1)
  revoked, place = number(value, place + 1)
  if not (issued and ends and revoked) or place <= #value then return false end
  local now = time()
  return ends > now and issued <= now + AHEAD and issued > revoked
end
