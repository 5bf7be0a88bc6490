import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { bundleAgent } from "./image/bundle.ts";

/** Makes dist/, or the folder that is named: the command in chunks, so that `--help` does not load the Kubernetes client, and the agent in one file. */
const root = join(import.meta.dirname, "..");
const dist = process.argv[2] ?? join(root, "dist");
await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
await build({
  absWorkingDir: root,
  entryPoints: { swap: "cli/main.ts" },
  outdir: dist,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node24",
  charset: "utf8",
  external: ["esbuild"],
  chunkNames: "chunks/[name]-[hash]",
  // CommonJS dependencies ask for built-in modules by `require`.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  logLevel: "warning",
});
// Started as a program of its own, inside the namespaces of an immersed local process: it must start fast.
await build({
  absWorkingDir: root,
  entryPoints: { inner: "cli/immersion/inner/main.ts" },
  outdir: dist,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node24",
  charset: "utf8",
  external: ["koffi"],
  logLevel: "warning",
});
await bundleAgent({ root, entry: "agent/main.ts", output: join(dist, "agent.cjs") });
await chmod(join(dist, "swap.js"), 0o755);
