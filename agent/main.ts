import { dirname } from "node:path";
import { copyTree } from "./copy.ts";
import { log, sayLastWords } from "./last-words.ts";
import { run } from "./run.ts";
import { serve } from "./sftp/serve.ts";

async function main([command, ...rest]: string[]): Promise<number> {
  if (command === "run") return await run(rest);
  if (command === "copy" && rest.length === 1) {
    await copyTree(dirname(process.argv[1] ?? "/"), rest[0]!);
    return 0;
  }
  if (command === "sftp") return await serve(rest);
  sayLastWords("usage: agent run OPTIONS | agent copy FOLDER");
  return 2;
}

function fail(error: unknown): void {
  // The pod's status is the agent's own, not its helper's.
  const say = process.argv[2] === "sftp" ? log : sayLastWords;
  say(`fault: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exit(1);
}

process.on("uncaughtException", fail);
main(process.argv.slice(2)).then((status) => process.exit(status), fail);
