import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { copyTree, treeMembers } from "../../agent/copy.ts";
import { bundleAgent } from "../../cli/image/bundle.ts";
import { agentImage, loaderWithoutPreload } from "../../cli/image/recipes/agent.ts";
import { machineLoader } from "../../cli/image/recipes/node-runtime.ts";
import { version } from "../../src/version.ts";
import { temporaryFolder } from "../support/images/temporary-folder.ts";

const root = join(import.meta.dirname, "../..");

describe("the agent's image", () => {
  test("is a tree of just the members that copyTree knows, for any uid to read and execute", async () => {
    await using folder = await temporaryFolder();
    await writeFile(folder.at("agent.cjs"), "");
    const image = agentImage(root, { bundle: folder.at("agent.cjs") });
    const layers = await Promise.all(image.layers.map((layer) => layer.gather(folder.path)));
    const entries = layers.flat();
    expect([...new Set(entries.map(({ path }) => path.split("/")[0] ?? ""))].sort()).toEqual([...treeMembers].sort());
    for (const entry of entries) {
      const executable = /^(agent$|bin\/|lib\/)/.test(entry.path);
      expect(entry).toMatchObject({ kind: "file", mode: executable ? 0o755 : 0o644, owner: { uid: 0, gid: 0 } });
    }
    expect(layers.at(-1)?.map(({ path }) => path)).toEqual(["agent.cjs"]);
    expect(image.reference).toBe(`swap.dev/agent:${version}`);
  });

  test("brings a loader that does not read the image's /etc/ld.so.preload", async () => {
    const [theirs, ours] = [await readFile(machineLoader), await loaderWithoutPreload(machineLoader)];
    expect(theirs.includes("/etc/ld.so.preload")).toBe(true);
    expect(ours.includes("/etc/ld.so.preload")).toBe(false);
    expect(ours.length).toBe(theirs.length);
  });
});

describe("the agent's bundle", () => {
  test("is one CommonJS file with the same bytes each time, and knows where it lies", async () => {
    await using folder = await temporaryFolder();
    await mkdir(folder.at("agent"));
    await writeFile(folder.at("agent/part.ts"), "export const here: string = import.meta.dirname;");
    await writeFile(
      folder.at("agent/main.ts"),
      'import { here } from "./part.ts"; console.log(here, require.main === module);',
    );
    for (const name of ["one.cjs", "two.cjs"]) {
      await bundleAgent({ root: folder.path, entry: "agent/main.ts", output: folder.at(name) });
    }
    const [one, two] = [await readFile(folder.at("one.cjs"), "utf8"), await readFile(folder.at("two.cjs"), "utf8")];
    expect(one).toBe(two);
    expect(one).toContain("__dirname");
    expect(one).not.toContain(folder.path);
  });

  test("that has a mistake in it is told by the compiler's message", async () => {
    await using folder = await temporaryFolder();
    await writeFile(folder.at("main.ts"), 'import "./missing.ts";');
    const bundle = { root: folder.path, entry: "main.ts", output: folder.at("out.cjs") };
    await expect(bundleAgent(bundle)).rejects.toMatchObject({
      code: "lab",
      message: expect.stringContaining("missing.ts"),
    });
  });
});

describe("copyTree", () => {
  test("copies the tree and nothing else, twice if need be, readable for other users", async () => {
    await using folder = await temporaryFolder();
    for (const name of ["from/bin", "from/lib", "from/licenses", "from/proc", "to"])
      await mkdir(folder.at(name), { recursive: true });
    const executables = ["agent", "bin/node", "lib/ld.so"];
    for (const name of executables) await writeFile(folder.at("from", name), name, { mode: 0o755 });
    for (const name of ["agent.cjs", "licenses/NOTICE", "proc/secret"])
      await writeFile(folder.at("from", name), name, { mode: 0o644 });
    const before = process.umask(0o077);
    try {
      await copyTree(folder.at("from"), folder.at("to"));
      await copyTree(folder.at("from"), folder.at("to"));
    } finally {
      process.umask(before);
    }
    for (const name of executables) expect((await stat(folder.at("to", name))).mode & 0o777).toBe(0o755);
    for (const name of ["bin", "lib"]) expect((await stat(folder.at("to", name))).mode & 0o777).toBe(0o755);
    expect((await stat(folder.at("to/agent.cjs"))).mode & 0o777).toBe(0o644);
    expect(await readFile(folder.at("to/licenses/NOTICE"), "utf8")).toBe("licenses/NOTICE");
    await expect(stat(folder.at("to/proc"))).rejects.toThrow("ENOENT");
  });
});
