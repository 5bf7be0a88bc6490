import { SwapError, type ErrorCode } from "../../src/error.ts";

/** What the API server answers instead of a result (metav1.Status), less what nobody reads. */
export interface Status {
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly details?: {
    readonly name?: string;
    readonly kind?: string;
    readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[];
    readonly retryAfterSeconds?: number;
  };
}

/** A refusal of the API server, as the cause of the SwapError that the user sees. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly httpStatus: number;
  readonly status: Status;

  constructor(httpStatus: number, status: Status) {
    super(status.message ?? `HTTP ${httpStatus}`);
    this.httpStatus = httpStatus;
    this.status = status;
  }
}

/** The HTTP status with which the API server refused, or undefined if `thrown` is something else. */
export function apiStatus(thrown: unknown): number | undefined {
  const error = thrown instanceof SwapError ? thrown.cause : thrown;
  return error instanceof ApiError ? error.httpStatus : undefined;
}

/**
 * Whether a patch or deletion guarded by uid found the object gone: no such name, or another object under it (409 for a
 * delete's precondition; 422 for a patch, to which the uid is an immutable field).
 */
export function isGone(thrown: unknown): boolean {
  const status = apiStatus(thrown);
  return status === 404 || status === 409 || (status === 422 && (apiMessage(thrown) ?? "").includes("metadata.uid"));
}

/** The server's own words in `thrown`, or undefined if it is not the API server's refusal. */
export function apiMessage(thrown: unknown): string | undefined {
  const error = thrown instanceof SwapError ? thrown.cause : thrown;
  return error instanceof ApiError ? error.message : undefined;
}

const codes: Partial<Record<number, ErrorCode>> = {
  401: "forbidden",
  403: "forbidden",
  404: "not-found",
  409: "conflict",
};

/** The API server's refusal as a SwapError in the server's own words. */
export function toRefusal(httpStatus: number, status: Status): SwapError {
  const cause = new ApiError(httpStatus, status);
  const missing = status.message === undefined ? undefined : missingRight(status.message);
  const code = codes[httpStatus] ?? (httpStatus >= 500 || httpStatus === 429 ? "unreachable" : "refused");
  if (httpStatus === 401) {
    return new SwapError(code, "the API server does not accept your credentials", {
      hint: "log in again; `kubectl auth whoami` shows who the cluster takes you for",
      cause,
    });
  }
  if (httpStatus === 403 && missing === undefined) {
    // Admission (quota, Pod Security, policies, webhooks) answers 403 as well: that is no missing right.
    return new SwapError("refused", `the API server refused: ${cause.message}`, {
      hint: admissionHint(cause.message),
      cause,
    });
  }
  const hint = missing
    ? `ask for the right to ${missing}; the Role that swap needs is in the README under "Rights"`
    : "the sentence is the API server's own";
  return new SwapError(code, cause.message, { hint, cause });
}

/** "create pods/portforward" out of the API server's sentence, or undefined if it is about something else. */
export function missingRight(message: string): string | undefined {
  const match = /cannot (\w+) resource "([^"]+)"/.exec(message);
  return match ? `${match[1]} ${match[2]}` : undefined;
}

function admissionHint(message: string): string {
  if (/exceeded quota/.test(message))
    return "free some of the quota, or lower the workload's replicas for the time of the swap";
  if (/PodSecurity/.test(message))
    return "the namespace's Pod Security level refuses the agent pod; see the pod with --dry-run";
  return "an admission rule of this cluster refuses the agent pod; ask who owns the rule, and see it with --dry-run";
}

/** A failure to reach the API server at all. */
export function toUnreachable(server: URL, cause: NodeJS.ErrnoException): SwapError {
  return new SwapError(
    "unreachable",
    `the API server at ${server.origin} cannot be reached: ${cause.message || cause.code || "no answer"}`,
    {
      hint: "check that the cluster runs and that --context is the one you mean (`kubectl cluster-info`)",
      cause,
    },
  );
}
