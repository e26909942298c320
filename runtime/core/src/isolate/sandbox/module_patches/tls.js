// Inserted at the start of the native binding of Node's `tls`: prepares TLS before its first use.
__bootstrap.core.ops.op_tls_key_null()
