import { readFile } from "node:fs/promises";
import type { CommandModule } from "yargs";
import { SwapError } from "../../src/error.ts";
import { parseEnvFile } from "../../src/plan/env-file.ts";
import type { Environment } from "../../src/plan/environ.ts";
import { parsePortMapping } from "../../src/plan/port-mapping.ts";
import { parseTarget } from "../../src/plan/target.ts";
import { version } from "../../src/version.ts";
import type { SwapOptions } from "../session/options.ts";
import { parseDuration, readConnectionFlags, withConnectionFlags, type ConnectionArgs } from "./connection-flags.ts";
import type { CommandContext } from "./context.ts";
import { readImmersionFlags, withImmersionFlags, type ImmersionArgs } from "./immersion-flags.ts";
import { printObject } from "./print-object.ts";

interface SwapArgs extends ConnectionArgs, ImmersionArgs {
  target?: string | undefined;
  container?: string | undefined;
  port?: string[] | undefined;
  grace: string;
  hold: string;
  maxAge: string;
  env?: string[] | undefined;
  noEnv: boolean;
  envFile?: string | undefined;
  keep: boolean;
  takeover: boolean;
  agentImage: string;
  agentDelivery: SwapOptions["delivery"];
  dryRun: boolean;
  output?: string | undefined;
  "--"?: string[] | undefined;
}

/** The image that this release's agent is published as; --agent-image names a mirror. */
export const defaultAgentImage = `swap.dev/agent:${version}`;

/** `swap TARGET [flags] -- COMMAND…`: the main job. */
export function swapCommand(context: CommandContext): CommandModule<object, SwapArgs> {
  const { io, progress, exit } = context;
  return {
    command: "$0 [target]",
    describe: "put a local process in the place of a workload's container",
    builder: (argv) =>
      withImmersionFlags(withConnectionFlags(argv))
        .positional("target", { type: "string", describe: "deploy/NAME, deploy/NAME/CONTAINER or rs/NAME" })
        .option("container", {
          alias: "c",
          type: "string",
          requiresArg: true,
          describe: "container to replace, if the pod has several",
        })
        .option("port", {
          alias: "p",
          type: "string",
          array: true,
          requiresArg: true,
          describe: "[LOCAL:]REMOTE port, beside the declared ones (may be repeated)",
        })
        .option("env", {
          type: "string",
          array: true,
          describe: "NAME=VALUE for the local process (may be repeated)",
        })
        .option("no-env", { type: "boolean", default: false, describe: "leave out the container's environment" })
        .option("env-file", { type: "string", requiresArg: true, describe: "dotenv file for the local process" })
        .option("keep", { type: "boolean", default: false, describe: "keep the session when the command ends" })
        .option("takeover", {
          type: "boolean",
          default: false,
          describe: "end the session that holds the workload, and take its place",
        })
        .option("grace", {
          type: "string",
          default: "30s",
          requiresArg: true,
          describe: "how long the workload stays swapped when this machine is gone",
        })
        .option("hold", {
          type: "string",
          default: "10s",
          requiresArg: true,
          describe: "how long a connection waits for the local process to listen",
        })
        .option("max-age", {
          type: "string",
          default: "12h",
          requiresArg: true,
          describe: "when a forgotten session ends by itself",
        })
        .option("agent-image", {
          type: "string",
          default: defaultAgentImage,
          requiresArg: true,
          describe: "image of the agent",
        })
        .option("agent-delivery", {
          choices: ["auto", "image-volume", "init-container"] as const,
          default: "auto" as const,
          describe: "how the agent gets into the pod",
        })
        .option("dry-run", { type: "boolean", default: false, describe: "print the agent pod and change nothing" })
        .option("output", {
          alias: "o",
          choices: ["json", "yaml"],
          describe: "with --dry-run: the form of the pod; json alone: events as JSON lines on stderr",
        })
        .example("$0 deploy/api -- node --inspect app.js", "your program answers for the Deployment api")
        .example("$0 deploy/api -p 3000:8080", "an IDE runs the program, on port 3000") as never,
    handler: async (args) => {
      if (args.target === undefined) {
        throw new SwapError("usage", "no workload is named", {
          hint: "as in: swap deploy/api -- node app.js; `swap --help` shows more",
        });
      }
      const options = await readOptions(args, args.target, context);
      const connectionFlags = readConnectionFlags(args);
      // The Kubernetes client is large: --help must not wait for it.
      const [{ loadConnection }, { KubeClient }] = await Promise.all([
        import("../kube/connection.ts"),
        import("../kube/client.ts"),
      ]);
      const connection = loadConnection(connectionFlags, io.env);
      const world = { client: new KubeClient(connection), io, progress };
      if (args.dryRun) {
        const { exampleAgentPod, planSwap } = await import("../session/plan-swap.ts");
        const plan = await planSwap(world, connection.namespace, options, io.interrupts.signal, { dryRun: true });
        printObject(io, exampleAgentPod(plan), args.output === "json" ? "json" : "yaml");
        if (plan.refusal) throw plan.refusal;
        return;
      }
      const { runSwap } = await import("../session/run-swap.ts");
      exit(await runSwap(world, connection.namespace, options));
    },
  };
}

async function readOptions(args: SwapArgs, target: string, context: CommandContext): Promise<SwapOptions> {
  return {
    target: parseTarget(target, args.container),
    command: args["--"] ?? [],
    mappings: (args.port ?? []).map(parsePortMapping),
    graceMs: atLeast("--grace", parseDuration("--grace", args.grace), 2000),
    holdMs: parseDuration("--hold", args.hold),
    maxAgeSeconds: Math.ceil(atLeast("--max-age", parseDuration("--max-age", args.maxAge), 60_000) / 1000),
    useEnvironment: !args.noEnv,
    envFile: args.envFile === undefined ? undefined : await readEnvFile(args.envFile),
    overrides: parseOverrides(args.env ?? []),
    keep: args.keep,
    takeover: args.takeover,
    immersion: await readImmersionFlags(args, (args["--"] ?? []).length > 0, context),
    agentImage: args.agentImage,
    delivery: args.agentDelivery,
  };
}

function atLeast(flag: string, ms: number, least: number): number {
  if (ms >= least) return ms;
  throw new SwapError("usage", `${flag} is shorter than ${least / 1000}s`, {
    hint: "a short hiccup of the network would end the session",
  });
}

function parseOverrides(texts: readonly string[]): Environment {
  return new Map(
    texts.map((text) => {
      const equals = text.indexOf("=");
      if (equals < 1)
        throw new SwapError("usage", `--env: "${text}" is not NAME=VALUE`, { hint: "as in: --env LOG_LEVEL=debug" });
      return [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

async function readEnvFile(path: string): Promise<Environment> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new SwapError("not-found", `--env-file: ${path} cannot be read: ${(cause as Error).message}`, {
      hint: "check the path",
      cause,
    });
  }
  return parseEnvFile(text);
}
