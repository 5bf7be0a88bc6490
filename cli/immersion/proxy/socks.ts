import type { Socket } from "node:net";

/** What a client of SOCKS 5 wants (RFC 1928), and how to answer it. */
export interface SocksRequest {
  readonly host: string;
  readonly port: number;
  /** Ends the conversation: from now on the socket is the connection itself. */
  accept(): void;
  refuse(code: SocksReply): void;
}

export const socksReply = { failure: 1, notAllowed: 2, refused: 5, commandNotSupported: 7 } as const;
export type SocksReply = (typeof socksReply)[keyof typeof socksReply];

const version = 5;
const userPassword = 2;
const noMethod = 0xff;
const connectCommand = 1;
const addressType = { ipv4: 1, name: 3, ipv6: 4 } as const;
/** Greeting, credentials and request, each at its longest. */
const maxBytes = 257 + 513 + 262;

/**
 * Talks SOCKS 5 with a client up to its request, with the one user and password (RFC 1929) that we gave out.
 * @throws Error when the client speaks otherwise, or is not allowed.
 */
export async function readSocksRequest(socket: Socket, credentials: string): Promise<SocksRequest> {
  const read = reader(socket);
  const [, methodCount = 0] = await read(2);
  const methods = await read(methodCount);
  if (!methods.includes(userPassword)) {
    socket.end(Buffer.from([version, noMethod]));
    throw new Error("the client offers no password");
  }
  socket.write(Buffer.from([version, userPassword]));
  const [, userLength = 0] = await read(2);
  const user = await read(userLength);
  const [passwordLength = 0] = await read(1);
  const password = await read(passwordLength);
  if (`${user.toString()}:${password.toString()}` !== credentials) {
    socket.end(Buffer.from([1, 1]));
    throw new Error("wrong password");
  }
  socket.write(Buffer.from([1, 0]));
  const [, command, , type] = await read(4);
  const host = await readHost(read, type ?? 0);
  const port = (await read(2)).readUInt16BE(0);
  const reply = (code: number): Buffer => Buffer.from([version, code, 0, addressType.ipv4, 0, 0, 0, 0, 0, 0]);
  if (command !== connectCommand) {
    socket.end(reply(socksReply.commandNotSupported));
    throw new Error("only TCP connections can be proxied");
  }
  return {
    host,
    port,
    accept: () => void socket.write(reply(0)),
    refuse: (code) => void socket.end(reply(code)),
  };
}

async function readHost(read: (count: number) => Promise<Buffer>, type: number): Promise<string> {
  if (type === addressType.ipv4) return (await read(4)).join(".");
  if (type === addressType.name) return (await read((await read(1))[0] ?? 0)).toString("latin1");
  if (type !== addressType.ipv6) throw new Error("an address of an unknown type");
  const bytes = await read(16);
  return Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16)).join(":");
}

/** Reads exact counts; what comes after them stays in the socket. */
function reader(socket: Socket): (count: number) => Promise<Buffer> {
  let left = maxBytes;
  return async (count) => {
    left -= count;
    if (left < 0) throw new Error("too long a greeting");
    if (count === 0) return Buffer.alloc(0);
    for (;;) {
      const bytes = socket.read(count) as Buffer | null;
      if (bytes !== null) {
        if (bytes.length < count) throw new Error("the client has closed the connection");
        return bytes;
      }
      if (socket.readableEnded || socket.destroyed) throw new Error("the client has closed the connection");
      await new Promise<void>((again) => {
        const events = ["readable", "end", "close", "error"] as const;
        const onEvent = (): void => {
          for (const event of events) socket.off(event, onEvent);
          again();
        };
        for (const event of events) socket.on(event, onEvent);
      });
    }
  };
}
