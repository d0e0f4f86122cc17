import { fileURLToPath, URL } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'
import { mockApi } from './dev/mock-api.ts'

// Browsers that know light-dark(): the tokens rest on it, and lowering it would break `data-theme`.
const browsers = ['chrome123', 'edge123', 'firefox120', 'safari17.5']

export default defineConfig(({ command }) => ({
  base: command === 'build' ? '/static/' : '/',
  plugins: [vue(), ...(process.env.WEIR_MOCK ? [mockApi()] : [])],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  define: {
    __VUE_OPTIONS_API__: false,
    __VUE_PROD_DEVTOOLS__: false,
    __VUE_I18N_LEGACY_API__: false,
    __VUE_I18N_FULL_INSTALL__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  server: {
    proxy: process.env.WEIR_MOCK ? {} : proxied(['/api', '/admin', '/i18n', '/static'], process.env.WEIR_PORTAL ?? 'http://127.0.0.1:8000'),
  },
  build: {
    target: browsers,
    manifest: 'manifest.json',
    sourcemap: false,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: 'src/main.ts',
      output: {
        // Django serves the entry under a second, content-hashed name. A chunk that imported the entry by its first name
        // would load the module twice, so everything shared lives in a chunk of its own (scripts/check-size.mjs checks).
        codeSplitting: {
          groups: [
            { name: 'vendor', test: /node_modules|vite\/preload-helper/ },
            { name: 'shell', test: /src\/(?:api|app\/shell)\/|src\/(?:i18n|format|router)\.ts$/ },
          ],
        },
      },
    },
  },
  test: {
    environment: 'happy-dom',
    environmentOptions: { happyDOM: { url: 'http://portal.test/' } },
    include: ['src/**/*.spec.ts'],
    setupFiles: ['src/testing/setup.ts'],
    restoreMocks: true,
  },
}))

function proxied(paths: string[], target: string): Record<string, string> {
  return Object.fromEntries(paths.map((path) => [path, target]))
}
