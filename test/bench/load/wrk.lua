-- Posts the bodies of load-generator.ts, which describes the protocol:
-- `wrk -t1 -c CONNECTIONS -s wrk.lua URL -- CONNECTIONS`.

local requests = {}
local posted = 0
local resting = 0
local connections
local is_examined = false

local function read_line()
  return io.read('*l')
end

function init(args)
  connections = tonumber(args[1])
  for index = 1, tonumber(read_line()) do
    local body = io.read(tonumber(read_line()))
    requests[index] = wrk.format('POST', nil, { ['content-type'] = 'application/json' }, body)
  end
  io.write('ready\n')
  io.flush()
  read_line()
end

function request()
  -- Before it starts, wrk asks for one request that it does not send.
  if not is_examined then
    is_examined = true
    return requests[1]
  end
  posted = posted + 1
  if requests[posted] then return requests[posted] end
  -- A connection asks when its last request was answered. An empty request lets it rest.
  resting = resting + 1
  if resting == connections then
    io.write('answered\n')
    io.flush()
  end
  return ''
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status
  io.write(string.format('{"answered": %d, "failed": %d}\n', summary.requests, failed))
end
