-- Asks one question over and over, or those of a file, a body a line, one after the other. Who asks, the body and the file come
-- from the environment, so that no secret is on a command line. An empty body: a client's own request, to a gateway.
local body = os.getenv("BENCH_BODY")
if body ~= "" then
  wrk.method = "POST"
  wrk.headers["Content-Type"] = os.getenv("BENCH_TYPE") or "application/json"
  wrk.body = body
end
wrk.headers["Authorization"] = os.getenv("BENCH_AUTHORIZATION")

local file = os.getenv("BENCH_BODIES")
if file then
  local bodies, at = {}, 0
  for line in io.lines(file) do
    bodies[#bodies + 1] = line
  end
  function request()
    at = at % #bodies + 1
    return wrk.format(nil, nil, nil, bodies[at])
  end
end

-- One line for `run`: requests, microseconds, answers beyond 3xx, broken connections, microseconds that 99 of 100
-- answers took at most.
function done(summary, latency)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format("measured %d %d %d %d %d\n", summary.requests, summary.duration, errors.status, broken,
    latency:percentile(99)))
end
