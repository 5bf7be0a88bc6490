/** What a command may touch of the world outside: passed in, so that tests run commands in-process. */
export interface Io {
  readonly stdin: NodeJS.ReadStream;
  /** Results and the child's output only. */
  readonly stdout: NodeJS.WriteStream;
  /** Progress, warnings and errors. */
  readonly stderr: NodeJS.WriteStream;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly interrupts: Interrupts;
}

/** SIGINT, SIGTERM and SIGHUP, as the process gets them. */
export interface Interrupts {
  /** Aborted by the first of them, with a SwapError "interrupted" as its reason. */
  readonly signal: AbortSignal;
  /** Hears each of them, the first too, until the returned function is called. */
  on(listener: (signal: NodeJS.Signals) => void): () => void;
}
