/** What a command may touch of the world outside: passed in, so that tests run commands in-process. */
export interface Io {
  readonly stdin: NodeJS.ReadStream;
  /** Results and the child's output only. */
  readonly stdout: NodeJS.WriteStream;
  /** Progress, warnings and errors. */
  readonly stderr: NodeJS.WriteStream;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}
