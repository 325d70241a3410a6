local hs = { status = "Progressing", message = "Waiting for the operator" }

-- Also while it is being deleted and stuck: the operator goes on as soon as what is in the way is gone.
if obj.metadata.deletionTimestamp ~= nil then
  hs.message = "Being removed from the warehouse"
end

local status = obj.status
if status == nil or status.conditions == nil then
  return hs
end

local by_type = {}
for _, condition in ipairs(status.conditions) do
  by_type[condition.type] = condition
end
local function holds(name)
  return by_type[name] ~= nil and by_type[name].status == "True"
end

-- A status that speaks of an older spec says nothing about this one.
if obj.metadata.generation ~= nil and status.observedGeneration ~= obj.metadata.generation then
  hs.message = "Waiting for the operator to see the last change"
  return hs
end

if holds("Stalled") then
  hs.status = "Degraded"
  hs.message = by_type["Stalled"].message
  return hs
end

if obj.metadata.deletionTimestamp ~= nil then
  return hs
end

if obj.spec ~= nil and obj.spec.suspend == true then
  hs.status = "Suspended"
  hs.message = "spec.suspend is true"
  return hs
end

if holds("Reconciling") then
  hs.message = by_type["Reconciling"].message
  return hs
end

if holds("Ready") then
  hs.status = "Healthy"
  hs.message = by_type["Ready"].message
  return hs
end

return hs
