import { statusCode } from "../../src/sftp/protocol.ts";

const codes: Readonly<Record<string, number>> = {
  ENOENT: statusCode.noSuchFile,
  ENOTDIR: statusCode.noSuchFile,
  ELOOP: statusCode.noSuchFile,
  EPERM: statusCode.permissionDenied,
  EACCES: statusCode.permissionDenied,
  EROFS: statusCode.permissionDenied,
  EFAULT: statusCode.permissionDenied,
  ENOSYS: statusCode.unsupported,
  ENOTSUP: statusCode.unsupported,
  EOPNOTSUPP: statusCode.unsupported,
};

/** The few statuses of version 3 for a failed system call, as OpenSSH chooses them; the rest is `failure`. */
export function statusOf(error: unknown): { code: number; message: string } {
  const name = (error as NodeJS.ErrnoException | undefined)?.code ?? "";
  return { code: codes[name] ?? statusCode.failure, message: name };
}
