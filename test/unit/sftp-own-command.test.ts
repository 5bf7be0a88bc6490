import { expect, test } from "vitest";
import { ownCommand } from "../../agent/sftp/own-command.ts";

const cmdline = (...words: string[]): Buffer => Buffer.from(words.map((word) => `${word}\0`).join(""));

test("the agent can start itself again, under node and under the launcher's loader", () => {
  expect(ownCommand(cmdline("node", "--flag", "/a/agent.cjs", "run", "--session", "s"), "/a/agent.cjs")).toEqual({
    argv0: "node",
    args: ["--flag", "/a/agent.cjs"],
  });
  const loader = ["/.swap/lib/ld.so", "--library-path", "/.swap/lib", "/.swap/bin/node", "--flag", "/.swap/agent.cjs"];
  expect(ownCommand(cmdline(...loader, "run"), "/.swap/agent.cjs")).toEqual({
    argv0: loader[0],
    args: loader.slice(1),
  });
  expect(() => ownCommand(cmdline("node", "other.cjs"), "/.swap/agent.cjs")).toThrow("command line");
});
