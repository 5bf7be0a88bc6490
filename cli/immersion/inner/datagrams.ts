import koffi from "koffi";
import type { Endpoint } from "../messages.ts";

const lib = koffi.load(null);
const poll = lib.func("int poll(void *fds, ulong n, int timeout)");
koffi.struct("iovec", { base: "void *", len: "size_t" });
koffi.struct("msghdr", {
  name: "void *",
  namelen: "uint32_t",
  iov: "iovec *",
  iovlen: "size_t",
  control: "void *",
  controllen: "size_t",
  flags: "int",
});
const recvmsg = lib.func("long recvmsg(int fd, const msghdr *msg, int flags)");

const maxDatagram = 65_536;
const pollIn = 1;
/** The sockets are libuv's, which are non-blocking: a blocking receive on another thread would spin. */
const dontWait = 0x40;

/** A datagram with where it came from and where it was sent to. */
export interface Datagram {
  readonly from: Endpoint;
  readonly to: Endpoint;
  /** Valid during the call only. */
  readonly data: Buffer;
}

/** Reads datagrams with their destination (which Node's own sockets cannot tell) from these descriptors, for ever. */
export function readDatagrams(fds: readonly number[], onDatagram: (datagram: Datagram) => void): void {
  const name = Buffer.alloc(28);
  const data = Buffer.alloc(maxDatagram);
  const control = Buffer.alloc(128);
  const iov = [{ base: data, len: data.length }];
  const header = { name, namelen: 28, iov, iovlen: 1, control, controllen: control.length, flags: 0 };
  const polled = Buffer.alloc(8 * fds.length);
  for (const [index, fd] of fds.entries()) {
    polled.writeInt32LE(fd, 8 * index);
    polled.writeInt16LE(pollIn, 8 * index + 4);
  }
  const readAll = (fd: number): void => {
    for (;;) {
      const length = Number(recvmsg(fd, header, dontWait));
      if (length < 0) return;
      // cmsg(3): a header of 16 bytes, then the destination as a sockaddr.
      onDatagram({ from: readSockaddr(name), to: readSockaddr(control.subarray(16)), data: data.subarray(0, length) });
    }
  };
  const wait = (): void => {
    // On a thread of libuv's pool: there is one such wait in this process.
    poll.async(polled, fds.length, -1, () => {
      for (const fd of fds) readAll(fd);
      wait();
    });
  };
  wait();
}

const inet = 2;

/** struct sockaddr_in or sockaddr_in6, little-endian family. */
export function readSockaddr(bytes: Buffer): Endpoint {
  const port = bytes.readUInt16BE(2);
  if (bytes.readUInt16LE(0) === inet) return { host: [...bytes.subarray(4, 8)].join("."), port };
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(8 + 2 * index).toString(16));
  return { host: groups.join(":"), port };
}
