// Inserted at the start of fs.cpSync: loads fs.cp, whose patch replaces `op_node_cp_sync`.
__bootstrap.core.loadExtScript('ext:deno_node/_fs/cp/cp.ts')
