-- How HAProxy asks Lychgate whether a request may pass, and what it makes of the reply.

-- The check is asked through the proxy `lychgate` of haproxy.cfg, whose timeouts and servers count.
local CHECK = "http://lychgate/check/haproxy"
local THROUGH = "abns@lychgate-check"
local TIMEOUT = 3000 -- milliseconds

-- Of the visitor's headers, those that speak of the connection stay here.
local HERE = {
  ["connection"] = true, ["content-length"] = true, ["transfer-encoding"] = true, ["te"] = true,
  ["expect"] = true, ["keep-alive"] = true, ["proxy-connection"] = true,
}
-- Of a reply, what only we read, and what the server says of itself.
local NOT_TOLD = { ["x-lychgate-verdict"] = true, ["server"] = true, ["date"] = true }
-- What a reply may set for the origin.
local TOLD = {
  "cf-access-jwt-assertion", "cf-access-authenticated-user-email",
  "cf-access-authenticated-user-id", "cookie",
}
-- Cookies that no origin may set.
local RESERVED = {
  CF_Authorization = true, CF_AppSession = true, CF_Session = true, CF_Binding = true,
}

-- The question: the visitor's headers as they came, and what is not a header.
local function question(txn)
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not HERE[name] and not name:find("^x%-lychgate%-") then
      headers[name] = {}
      for index = 0, #values do table.insert(headers[name], values[index]) end
    end
  end
  headers["x-lychgate-method"] = { txn.f:method() }
  headers["x-lychgate-scheme"] = { txn.f:ssl_fc() == 1 and "https" or "http" }
  headers["x-lychgate-host"] = { txn.f:req_hdr("host") or "" }
  headers["x-lychgate-target"] = { txn.f:pathq() }
  headers["x-lychgate-client-ip"] = { txn.f:src() }
  if txn.f:ssl_c_used() == 1 then
    headers["x-lychgate-client-cert"] = { txn.c:base64(txn.f:ssl_c_der()) }
  end
  return headers
end

local function first(response, name)
  local values = response.headers and response.headers[name]
  return values and values[0]
end

-- The visitor gets the gate's own answer, complete.
local function answer(txn, response)
  local reply = txn:reply({ status = response.status })
  for name, values in pairs(response.headers) do
    if not HERE[name] and not NOT_TOLD[name] then
      for index = 0, #values do reply:add_header(name, values[index]) end
    end
  end
  if txn.f:method() ~= "HEAD" then reply:set_body(response.body or "") end
  txn:done(reply)
end

-- There was no answer, or the question itself could not be read.
local function refuse(txn, response)
  local unread = response and response.status and response.status >= 400 and response.status < 500
  local status = unread and 400 or 503
  txn:done(txn:reply({ status = status, headers = { ["cache-control"] = { "no-store" } } }))
end

-- The request goes on, with what the reply says of it.
local function pass(txn, response)
  for name in (first(response, "x-envoy-auth-headers-to-remove") or ""):gmatch("[^,]+") do
    txn.http:req_del_header(name)
  end
  for _, name in ipairs(TOLD) do
    local value = first(response, name)
    if value then txn.http:req_set_header(name, value) end
  end
  local target = first(response, "x-lychgate-target")
  if target then txn:set_var("txn.lychgate_target", target) end
  local cookie = first(response, "set-cookie")
  if cookie then txn:set_var("txn.lychgate_cookie", cookie) end
  local metadata = first(response, "cf-access-metadata")
  if metadata then txn:set_var("txn.lychgate_metadata", metadata) end
  txn:set_var("txn.lychgate_verdict", "forward") -- last: only now nothing can fail any more
end

core.register_action("lychgate_check", { "http-req" }, function(txn)
  local response = core.httpclient():get({
    url = CHECK, dst = THROUGH, headers = question(txn), timeout = TIMEOUT,
  })
  local verdict = response and first(response, "x-lychgate-verdict")
  if verdict == "forward" and response.status == 200 then
    pass(txn, response)
  elseif verdict == "answer" then
    answer(txn, response)
  else
    refuse(txn, response)
  end
end)

core.register_action("lychgate_cookies", { "http-res" }, function(txn)
  local values = txn.http:res_get_headers()["set-cookie"]
  if not values then return end
  txn.http:res_del_header("set-cookie")
  for index = 0, #values do
    -- A nameless cookie `=CF_Session=x` comes back as `CF_Session=x`.
    if not RESERVED[values[index]:match("^[ \t=]*([^ \t=;]*)")] then
      txn.http:res_add_header("set-cookie", values[index])
    end
  end
end)
