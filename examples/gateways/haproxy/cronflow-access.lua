-- Asks CronFlow Access whether a request may pass: `http-request lua.cronflow-access ADDRESS`.
local token = os.getenv("CRONFLOW_GATEWAY_TOKEN") or ""

-- Handed on to the API when a request may pass, and to the client when it may not.
local to_api = {
	"x-access-decision-id", "x-access-principal", "x-access-organization", "x-access-workspace", "x-access-environment",
	"x-access-scopes",
}
local to_client = { "content-type", "www-authenticate", "retry-after", "ratelimit", "ratelimit-policy" }

local function first(headers, name)
	return headers[name] and headers[name][0]
end

-- Header values as the client of HTTP takes them: counted from 1.
local function all(headers, name)
	local values = {}
	for at = 0, #(headers[name] or {}) do
		table.insert(values, headers[name] and headers[name][at])
	end
	return values
end

core.register_action("cronflow-access", { "http-req" }, function(txn, address)
	local answer = core.httpclient():get({
		url = "http://127.0.0.1/v1/forward-auth",
		dst = address,
		headers = {
			["authorization"] = all(txn.http:req_get_headers(), "authorization"),
			["x-cronflow-gateway"] = { token },
			["x-original-method"] = { txn.f:method() },
			["x-original-uri"] = { txn.f:pathq() },
			["x-real-ip"] = { txn.f:src() },
		},
	})

	if answer.status == 204 then
		for _, name in ipairs(to_api) do
			txn.http:req_set_header(name, first(answer.headers, name) or "")
		end
		txn:set_var("txn.access_ratelimit", first(answer.headers, "ratelimit"))
		txn:set_var("txn.access_ratelimit_policy", first(answer.headers, "ratelimit-policy"))
		return
	end

	local reply = txn:reply({ status = 503, headers = { ["retry-after"] = { "1" } } })
	-- Anything else is HAProxy's own word that nobody answered.
	if first(answer.headers, "content-type") == "application/problem+json" then
		reply = txn:reply({ status = answer.status, body = answer.body })
		for _, name in ipairs(to_client) do
			if first(answer.headers, name) then
				reply:add_header(name, first(answer.headers, name))
			end
		end
	end
	txn:done(reply)
end, 1)
