import { defineConfig } from "vite";

// What comes out is committed (docs/decisions/011-ui.md), so it stays readable: no minifier, no source maps.
export default defineConfig({
  base: "/account/",
  build: {
    target: "es2022",
    minify: false,
    cssMinify: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
});
