import { connect, type Server, type Socket } from "node:net";
import { relay } from "../../../src/relay.ts";
import { RelaySocket } from "../../../src/relay-socket.ts";
import type { MuxStream } from "../../../src/tunnel/stream.ts";
import type { StreamOpen } from "../../../src/wire/stream-open.ts";
import { joinSockets } from "../../join-sockets.ts";
import type { Destinations } from "./destinations.ts";

export interface TcpOutOptions {
  readonly destinations: Destinations;
  /** Opens a stream to an agent. @throws SwapError when there is no tunnel. */
  readonly open: (open: StreamOpen) => MuxStream;
  /** A connection to port 53 of anybody asks the pod's resolver. */
  readonly onDns: (socket: Socket) => void;
}

const dnsPort = 53;

/** Leads the connections of a server from inside to where they wanted to go: their local address. */
export function serveTcp(server: Server, { destinations, open, onDns }: TcpOutOptions): void {
  Object.assign(server, { allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
  server.on("connection", (socket: Socket) => {
    const { localAddress, localPort } = socket;
    socket.on("error", () => socket.destroy());
    if (localAddress === undefined || localPort === undefined) return void socket.destroy();
    if (localPort === dnsPort) return onDns(socket);
    const route = destinations.route(localAddress, localPort);
    if (route.from === "laptop") {
      return joinSockets(socket, connect({ host: route.host, port: localPort, allowHalfOpen: true, noDelay: true }));
    }
    let stream: MuxStream;
    try {
      stream = open({ kind: "dial", host: route.host, port: localPort });
    } catch {
      // The tunnel is being made again: the local process sees what it would see of a network that is down.
      return void socket.resetAndDestroy();
    }
    relay(RelaySocket.adopt(socket), stream);
  });
}
