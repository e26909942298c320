// Inserted at the start of process.env. Like Node, cuts a string at its first NUL, and ignores a name that the system
// would refuse.
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
