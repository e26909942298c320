// What navigator.gpu is: it can be asked for an adapter, as everywhere, and the op refuses.
const refusedGpu = () =>
  ObjectSetPrototypeOf(
    {
      requestAdapter: async () => op_create_gpu(),
      getPreferredCanvasFormat: () => 'bgra8unorm',
      wgslLanguageFeatures: ObjectSetPrototypeOf(
        { size: 0, has: () => false },
        WGSLLanguageFeatures.prototype,
      ),
    },
    GPU.prototype,
  )
