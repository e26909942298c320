// Passes every message unchanged: the bench measures the isolation pattern itself.
Object.assign(window, { __TAURI_ISOLATION_HOOK__: (/** @type {unknown} */ payload) => payload })
