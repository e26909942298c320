// Stands at the head of fs.cpSync: the head of fs.cp mends its op.
__bootstrap.core.loadExtScript('ext:deno_node/_fs/cp/cp.ts')
