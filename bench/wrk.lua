-- Posts one template with a new number in every request; prints one line of JSON at the end.
-- Arguments: path, template file, first number, secret. Run with one thread, so that numbers differ.

local pieces = {}
local number = 0
local path, headers

function init(args)
  path = args[1]
  local file = assert(io.open(args[2], "r"))
  local text = file:read("*a")
  file:close()
  number = tonumber(args[3])
  headers = { ["Content-Type"] = "application/json", ["X-Webhook-Secret"] = args[4] }
  local from = 1
  while true do
    local at, last = text:find("NNNNNNNNNNNN", from, true)
    if not at then break end
    pieces[#pieces + 1] = text:sub(from, at - 1)
    from = last + 1
  end
  pieces[#pieces + 1] = text:sub(from)
end

function request()
  number = number + 1
  local digits = string.format("%012d", number)
  return wrk.format("POST", path, headers, table.concat(pieces, digits))
end

function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    '{"requests":%d,"micros":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
