// Stands at the head of process.env. A text ends where C ends it, and a name that the system would refuse
// is passed over: Node hears of neither.
const upToNul = (text) => {
  const end = primordials.StringPrototypeIndexOf(text, '\0')
  return end < 0 ? text : primordials.StringPrototypeSlice(text, 0, end)
}
const withName = (key, act) => {
  const name = upToNul(key)
  if (name !== '' && !primordials.StringPrototypeIncludes(name, '=')) act(name)
}
const setVariable = (key, value) => withName(key, (name) => Deno.env.set(name, upToNul(value)))
const deleteVariable = (key) => withName(key, (name) => Deno.env.delete(name))
