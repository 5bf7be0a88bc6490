import { constants as files } from "node:fs";
import { constants } from "node:os";
import koffi from "koffi";

// Symbols of the process itself, glibc and musl alike.
const lib = koffi.load(null);

const calls = {
  prctl: lib.func("int prctl(int op, ulong a, ulong b, ulong c, ulong d)"),
  mount: lib.func("int mount(const char *src, const char *dst, const char *type, ulong flags, const char *data)"),
  umount2: lib.func("int umount2(const char *path, int flags)"),
  capget: lib.func("int capget(void *head, void *data)"),
  capset: lib.func("int capset(void *head, void *data)"),
  sethostname: lib.func("int sethostname(const char *name, size_t len)"),
  setsockopt: lib.func("int setsockopt(int fd, int level, int name, const void *val, uint32_t len)"),
  fcntl: lib.func("int fcntl(int fd, int op, int arg)"),
  waitid: lib.func("int waitid(int type, int id, void *info, int options)"),
  waitpid: lib.func("int waitpid(int pid, void *status, int options)"),
  syscall: lib.func("long syscall(long number, const char *a, const char *b)"),
  exit: lib.func("void _exit(int code)"),
};

/** errno of a failed call, by name (ENOENT …). */
export class SystemError extends Error {
  readonly code: string;

  constructor(call: string) {
    const number = koffi.errno();
    const code = Object.entries(constants.errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
    super(`${call}: ${code}`);
    this.code = code;
  }
}

function check(call: string, result: number): void {
  if (result < 0) throw new SystemError(call);
}

/** Flags of mount(2). */
export const mountFlag = {
  readOnly: 1,
  noSuid: 2,
  noDev: 4,
  noExec: 8,
  remount: 32,
  bind: 4_096,
  move: 8_192,
  recursive: 16_384,
} as const;

/** mount(2). @throws SystemError */
export function mount(
  source: string,
  target: string,
  type: string | null,
  flags = 0,
  data: string | null = null,
): void {
  check(`mount ${type ?? source} on ${target}`, calls.mount(source, target, type, flags, data) as number);
}

/** umount2(2) with MNT_DETACH. @throws SystemError */
export function unmount(path: string): void {
  check(`umount ${path}`, calls.umount2(path, 2) as number);
}

const pivotRootNumbers: Partial<Record<NodeJS.Architecture, number>> = {
  x64: 155,
  arm64: 41,
  arm: 218,
  riscv64: 41,
  ppc64: 203,
  s390x: 217,
};

/** pivot_root(2), which no C library wraps. @throws SystemError */
export function pivotRoot(newRoot: string, putOld: string): void {
  check("pivot_root", calls.syscall(pivotRootNumbers[process.arch] ?? -1, newRoot, putOld) as number);
}

/** sethostname(2). @throws SystemError */
export function setHostname(name: string): void {
  check("sethostname", calls.sethostname(name, Buffer.byteLength(name)) as number);
}

/** PR_SET_PDEATHSIG of prctl(2): SIGKILL when the parent ends. @throws SystemError */
export function dieWithParent(): void {
  check("prctl", calls.prctl(1, 9, 0, 0, 0) as number);
}

/**
 * Programs that this process starts from now on have no capabilities: clearing the inheritable set clears the ambient
 * one with it (capabilities(7)). This process keeps its own. @throws SystemError
 */
export function keepCapabilitiesToOurselves(): void {
  const head = Buffer.alloc(8);
  // _LINUX_CAPABILITY_VERSION_3: two words each of effective, permitted, inheritable.
  head.writeUInt32LE(0x20080522, 0);
  const data = Buffer.alloc(24);
  check("capget", calls.capget(head, data) as number);
  data.writeUInt32LE(0, 8);
  data.writeUInt32LE(0, 20);
  check("capset", calls.capset(head, data) as number);
}

const on = Buffer.from([1, 0, 0, 0]);

/** IP_TRANSPARENT or IPV6_TRANSPARENT: TPROXY may hand packets for any address to this socket. @throws SystemError */
export function setTransparent(fd: number, family: 4 | 6): void {
  const result = family === 6 ? calls.setsockopt(fd, 41, 75, on, 4) : calls.setsockopt(fd, 0, 19, on, 4);
  check("setsockopt IP_TRANSPARENT", result as number);
}

/** IP_RECVORIGDSTADDR or IPV6_RECVORIGDSTADDR: datagrams come with their destination. @throws SystemError */
export function setReceiveDestination(fd: number, family: 4 | 6): void {
  const result = family === 6 ? calls.setsockopt(fd, 41, 74, on, 4) : calls.setsockopt(fd, 0, 20, on, 4);
  check("setsockopt IP_RECVORIGDSTADDR", result as number);
}

/** Clears O_NONBLOCK (fcntl(2)). @throws SystemError */
export function setBlocking(fd: number): void {
  const flags = calls.fcntl(fd, 3, 0) as number;
  check("fcntl F_GETFL", flags);
  check("fcntl F_SETFL", calls.fcntl(fd, 4, flags & ~files.O_NONBLOCK) as number);
}

/**
 * Reaps processes that were handed down to us, pid 1, without taking those that Node waits for: it looks first
 * (waitid(2) with WNOWAIT). `isOurs` tells the pids that Node has started.
 */
export function reapOrphans(isOurs: (pid: number) => boolean): void {
  const info = Buffer.alloc(128);
  for (;;) {
    info.fill(0);
    const exitedNoHangNoWait = 4 | 1 | 0x01000000;
    if ((calls.waitid(0, 0, info, exitedNoHangNoWait) as number) < 0) return;
    const pid = info.readInt32LE(16);
    if (pid === 0 || isOurs(pid)) return;
    calls.waitpid(pid, null, 1);
  }
}

/** _exit(2): exit(3) would wait for the thread that sits in poll(2). */
export function exitNow(status: number): never {
  calls.exit(status);
  throw new Error("_exit has returned");
}
