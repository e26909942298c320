// Inserted at the start of fs.cp and fs.promises.cp. If one symlink replaces another, Deno resolves the old one and
// removes its target, unless all permissions including native code are granted.
{
  const { ops } = __bootstrap.core
  const { op_node_cp_fast: copyFast, op_node_cp_on_link: copyLink, op_node_cp_sync: copy } = ops
  const { dirname, resolve, sep } = __bootstrap.core.createLazyLoader('node:path')()

  const orUndefined = (get, path) => {
    try {
      return get(path)
    } catch {
      return undefined
    }
  }
  const isThere = (path) => orUndefined(Deno.lstatSync, path) !== undefined
  const isWithin = (folder, path) =>
    path === folder || path.startsWith(folder === sep ? sep : folder + sep)

  /** Replaces the symlink `dest` with a copy of the symlink `src`. Returns false if Deno has to handle the pair. */
  const replaceLink = (src, dest, verbatim) => {
    const [written, old] = [
      orUndefined(Deno.readLinkSync, src),
      orUndefined(Deno.readLinkSync, dest),
    ]
    if (written === undefined || old === undefined) return false
    const target = verbatim ? written : resolve(dirname(src), written)
    const source = resolve(target)
    const replaced = resolve(dirname(dest), old)
    const { isDirectory } = orUndefined(Deno.statSync, src) ?? {}
    // Deno reports the error for copying a folder into itself.
    if (isDirectory === undefined) return false
    if (isDirectory && (isWithin(source, replaced) || isWithin(replaced, source))) return false
    const temporary = `${dest}.${Math.random().toString(36).slice(2)}`
    Deno.symlinkSync(target, temporary, { type: isDirectory ? 'dir' : 'file' })
    try {
      Deno.renameSync(temporary, dest)
    } catch (error) {
      Deno.removeSync(temporary)
      throw error
    }
    return true
  }

  ops.op_node_cp_on_link = async (src, dest, isDestThere, verbatim) => {
    if (isDestThere && replaceLink(src, dest, verbatim)) return
    await copyLink(src, dest, isDestThere, verbatim)
  }

  // The fast path does not call `op_node_cp_on_link`. A filter keeps `cpFn` from taking it.
  ops.op_node_cp_fast = (src, dest, recursive) => {
    if (!isThere(dest)) return copyFast(src, dest, recursive)
    const filter = () => true
    const options = { dereference: false, force: true, errorOnExist: false, mode: 0 }
    const rest = { preserveTimestamps: false, verbatimSymlinks: false, recursive, filter }
    return cpFn(src, dest, { ...options, ...rest })
  }

  ops.op_node_cp_sync = (
    src,
    dest,
    dereference,
    recursive,
    force,
    exist,
    times,
    verbatim,
    mode,
    filter,
  ) => {
    const options = [dereference, recursive, force, exist, times, verbatim, mode]
    if (dereference || !isThere(dest)) return copy(src, dest, ...options, filter)
    if (replaceLink(src, dest, verbatim)) return undefined
    return copy(src, dest, ...options, (from, to) => {
      if (filter !== undefined && !filter(from, to)) return false
      return !replaceLink(from, to, verbatim)
    })
  }
}
