-- Whether a Cookie header reads the same to everybody, and holds exactly one application token.
--
-- Yes only if: it is one line (several arrive joined by a comma); each piece is separated by a
-- semicolon and one blank; a name of ours appears at the start of a piece and nowhere else, and is
-- CF_Authorization (once, its value three parts of a token without padding) or CF_AppSession
-- (which is cut out, so another cookie must follow; what is left is written anew, and only ASCII
-- would be written by a check byte for byte). Plain searches, and loops over bytes, which are
-- compiled: a pattern takes a hundred instructions for each character.
local find, byte, sub = string.find, string.byte, string.sub
local BLANK, SEMICOLON, LETTER_E = 0x20, 0x3b, 0x65
-- What PHP reads as the underscore of a name, and that itself.
local LOOSE = { [0x20] = true, [0x2e] = true, [0x5b] = true, [0x5f] = true }
local TOKEN, LOGIN = "CF_Authorization=", "CF_AppSession="

local function at(line, text, from)
  return find(line, text, from, true)
end

local function between(line, text, from, to)
  local found = at(line, text, from)
  return found and found < to
end

local function is_tidy(line)
  -- A longer value is not put aside for the origin (header_to_metadata stops at 8 kB).
  if #line > 8000 or byte(line, 1) == SEMICOLON then return false end
  if at(line, ",") or at(line, "\t") or at(line, " ;") or at(line, "= ") then return false end
  local place = at(line, ";", 1)
  while place do
    local next = byte(line, place + 2)
    if byte(line, place + 1) ~= BLANK or not next or next == BLANK or next == SEMICOLON then
      return false
    end
    place = at(line, ";", place + 2)
  end
  return true
end

local PLAIN = {}
for code = 0, 255 do PLAIN[code] = find(string.char(code), "[%w_-]") ~= nil end

local function is_plain(line, from, to)
  for place = from, to do
    if not PLAIN[byte(line, place)] then return false end
  end
  return true
end

local function is_ascii(line, from, to)
  for place = from, to do
    if byte(line, place) > 127 then return false end
  end
  return true
end

function envoy_match(line)
  if not is_tidy(line) then return false end
  local began, ended, cut = nil, nil, false
  local place = at(line, "CF", 1)
  while place do
    local from = place + 2
    if LOOSE[byte(line, from)] then
      if place > 1 and sub(line, place - 2, place - 1) ~= "; " then return false end
      local stop = at(line, ";", place) or #line + 1
      if sub(line, place, place + #TOKEN - 1) == TOKEN then
        from = place + #TOKEN
        if began or byte(line, from) ~= LETTER_E then return false end
        if between(line, "=", from, stop) or between(line, " ", from, stop) then return false end
        began, ended = place, stop
      elseif sub(line, place, place + #LOGIN - 1) == LOGIN then
        from = place + #LOGIN
        if stop > #line or not is_plain(line, from, stop - 1) then return false end
        cut = true
      else
        return false
      end
    end
    place = at(line, "CF", from)
  end
  if not began then return false end
  -- The token between them is ASCII, as it verified.
  return not cut or (is_ascii(line, 1, began) and is_ascii(line, ended, #line))
end
