#!/usr/bin/env node
import { catchInterrupts } from "./interrupts.ts";
import { run } from "./run.ts";

using interrupts = catchInterrupts(process);
const { stdin, stdout, stderr, env, argv } = process;
const status = await run({ stdin, stdout, stderr, env, cwd: process.cwd(), interrupts }, argv.slice(2));
// Sockets of keep-alive pools and terminals must not hold a finished program; what was written has been flushed.
process.exitCode = status;
stdout.write("", () => stderr.write("", () => process.exit(status)));
