-- Whether a target is short, goes to no path of our own, and asks nothing of us.
-- (Which characters it may hold is a regular expression.)
local find, sub = string.find, string.sub
local OURS = "/cdn-cgi/access/"

function envoy_match(target)
  return #target <= 8192
    and sub(target, 1, #OURS) ~= OURS
    and not find(target, "cloudflared_token_check", 1, true)
end
