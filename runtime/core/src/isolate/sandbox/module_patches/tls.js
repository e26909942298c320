// Stands at the head of the module in which Node's `tls` reaches the engine: it is about to be used.
__bootstrap.core.ops.op_tls_key_null()
