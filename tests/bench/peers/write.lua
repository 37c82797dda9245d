-- A strategy of a name of its own with each request.
local thread_prefix = tostring(os.time()) .. "-" .. tostring({}):sub(8)
local n = 0

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

function request()
   n = n + 1
   return wrk.format(nil, nil, nil, '{"name":"' .. thread_prefix .. "-" .. n ..
      '","kind":"sma_crossover","parameters":{"fast":10,"slow":50}}')
end
