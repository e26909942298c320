import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'happy-dom',
    // Machines that run tests may be very busy.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
