import type { Duplex } from "node:stream";
import { StreamDuplex } from "../../../src/tunnel/stream-duplex.ts";
import type { MuxStream } from "../../../src/tunnel/stream.ts";
import type { StreamOpen } from "../../../src/wire/stream-open.ts";

/**
 * A connection from the pod to `host`, which the pod resolves, once it is there.
 * @throws the error of the stream, or of `open`.
 */
export async function dialFromPod(open: (open: StreamOpen) => MuxStream, host: string, port: number): Promise<Duplex> {
  const duplex = new StreamDuplex(open({ kind: "dial", host, port, confirm: true }));
  await new Promise<void>((confirmed, failed) => {
    const onReadable = (): void => {
      if (duplex.read(1) === null) return;
      duplex.off("readable", onReadable);
      duplex.off("error", failed);
      duplex.off("close", onClose);
      confirmed();
    };
    const onClose = (): void => failed(new Error(`the pod cannot connect to ${host}:${port}`));
    duplex.on("readable", onReadable);
    duplex.once("error", failed);
    duplex.once("close", onClose);
  });
  return duplex;
}
