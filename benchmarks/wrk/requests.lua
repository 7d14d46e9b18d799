-- Sends one kind of request with changing values, and prints what wrk measured as JSON.
--
-- Arguments: number of this load, method, path, body, format of an id, number of clients, seed,
-- names separated by commas, then headers as name and value. In path and body {id} is the id of a
-- random client, {status} a random status, {name} one of the names, and {unique} 14 digits that no
-- other request of any load has.

local threads, names = 0, {}

function setup(thread)
   threads = threads + 1
   thread:set("number", threads)
end

function init(args)
   load, sent = tonumber(args[1]), 0
   method, path, body, id_format = args[2], args[3], args[4], args[5]
   clients = tonumber(args[6])
   math.randomseed(tonumber(args[7]) * 100 + number)
   for name in args[8]:gmatch("[^,]+") do
      names[#names + 1] = name
   end
   for i = 9, #args, 2 do
      wrk.headers[args[i]] = args[i + 1]
   end
   if body == "" then
      body = nil
   end
   if not (path .. (body or "")):find("{%l+}") then
      fixed = wrk.format(method, path, nil, body)
   end
end

local values = {
   id = function() return string.format(id_format, math.random(clients)) end,
   status = function() return math.random(2) == 1 and "active" or "suspended" end,
   name = function() return names[math.random(#names)] end,
   unique = function() return string.format("%06d%02d%06d", load, number, sent) end,
}

local function fill(text)
   return (text:gsub("{(%l+)}", function(name) return values[name] and values[name]() end))
end

function request()
   if fixed then
      return fixed
   end
   sent = sent + 1
   return wrk.format(method, fill(path), nil, body and fill(body))
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests": %d, "seconds": %.6f, "p50": %.3f, "p99": %.3f, "failed": %d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
      latency:percentile(99) / 1e3,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
