import type { Socket as UdpSocket } from "node:dgram";
import type { Server, Socket } from "node:net";
import type { FromInner, ToInner } from "../messages.ts";

/** The channel to the command outside. */
export interface Ipc {
  /** Resolves when the message, with its socket, is on its way. */
  send(message: FromInner, handle?: Server | Socket | UdpSocket): Promise<void>;
  onMessage(listener: (message: ToInner, handle: Socket | undefined) => void): void;
  onClose(listener: () => void): void;
}

/** Takes over the process's IPC channel; programs that it starts do not inherit it. */
export function openIpc(target: NodeJS.Process): Ipc {
  delete target.env["NODE_CHANNEL_FD"];
  delete target.env["NODE_CHANNEL_SERIALIZATION_MODE"];
  return {
    send: (message, handle) =>
      new Promise((sent, failed) => {
        target.send?.(message, handle, {}, (error: Error | null) => (error ? failed(error) : sent()));
      }),
    onMessage: (listener) =>
      void target.on("message", (message, handle) => listener(message as ToInner, handle as Socket | undefined)),
    onClose: (listener) => void target.once("disconnect", listener),
  };
}
