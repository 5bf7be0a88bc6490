import { resetCode } from "../../src/tunnel/stream-end.ts";

const codes: Readonly<Record<string, number>> = {
  ECONNREFUSED: resetCode.refused,
  EHOSTUNREACH: resetCode.unreachable,
  ENETUNREACH: resetCode.unreachable,
  EHOSTDOWN: resetCode.unreachable,
  ENETDOWN: resetCode.unreachable,
  EADDRNOTAVAIL: resetCode.unreachable,
  EAFNOSUPPORT: resetCode.unreachable,
  EINVAL: resetCode.unreachable,
  // How the kernel tells of a packet filter's rejection (ip(7), tcp(7)).
  EPERM: resetCode.unreachable,
  EACCES: resetCode.unreachable,
  ETIMEDOUT: resetCode.timedOut,
  ENOTFOUND: resetCode.nameNotFound,
  EAI_AGAIN: resetCode.nameNotFound,
  EAI_FAIL: resetCode.nameNotFound,
  EAI_NODATA: resetCode.nameNotFound,
  EMFILE: resetCode.overloaded,
  ENFILE: resetCode.overloaded,
  ENOBUFS: resetCode.overloaded,
  ENOMEM: resetCode.overloaded,
  EAGAIN: resetCode.overloaded,
};

/** The reset that tells the client of a socket's failure. */
export function resetCodeOf(error: Error): number {
  return codes[(error as NodeJS.ErrnoException).code ?? ""] ?? resetCode.connectionReset;
}
