/**
 * The ways in which swap can fail, each with one exit status. A closed union: a new one is added here, to
 * `exitStatuses` and to the README's table.
 */
export type ErrorCode =
  | "usage" // the command line or its input is wrong
  | "not-found" // a workload, container, context, image or file does not exist
  | "unsupported" // understood, but this version or this cluster cannot
  | "conflict" // somebody else holds the target, or a port is taken
  | "forbidden" // the cluster's access control says no
  | "refused" // admission, quota or validation says no
  | "unreachable" // no connection to the API server
  | "not-ready" // the cluster did not get there in time
  | "agent" // the agent misbehaved or speaks another protocol version
  | "lab" // the lab cluster could not be made
  | "command-not-runnable" // the local command exists but cannot run
  | "command-not-found" // the local command does not exist
  | "interrupted" // Ctrl-C before the start was complete
  | "bug"; // ours: the only code that shows a stack

const exitStatuses: Partial<Record<ErrorCode, number>> = {
  "command-not-runnable": 126,
  "command-not-found": 127,
  interrupted: 130,
};

/** Exit status of swap's own failures, as `docker run` and `env` have it. */
const swapFailed = 125;

/**
 * The one error that users see: what happened (`message`, one sentence), what to do about it (`hint`), and the
 * underlying error (`cause`), which is shown with `-v`.
 */
export class SwapError extends Error {
  override readonly name = "SwapError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  get exitStatus(): number {
    return exitStatuses[this.code] ?? swapFailed;
  }
}

/**
 * An unexpected value thrown anywhere, as a SwapError; what is not one already is a bug of ours. When clean-up failed as
 * well, what went wrong first is what the user has to hear.
 */
export function toSwapError(thrown: unknown): SwapError {
  if (thrown instanceof SwapError) return thrown;
  if (thrown instanceof SuppressedError) return toSwapError(thrown.suppressed);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new SwapError("bug", message, { cause: thrown });
}
