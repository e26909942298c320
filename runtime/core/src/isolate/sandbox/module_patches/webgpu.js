// navigator.gpu, whose requestAdapter() rejects.
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
