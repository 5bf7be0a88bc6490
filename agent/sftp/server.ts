import { PacketDecoder } from "../../src/sftp/packet-decoder.ts";
import { PacketReader } from "../../src/sftp/packet-reader.ts";
import { PacketWriter } from "../../src/sftp/packet-writer.ts";
import { extensions, maxHandles, packetType, sftpVersion, statusCode } from "../../src/sftp/protocol.ts";
import { WireError } from "../../src/wire/wire-error.ts";
import { extended } from "./extended-operations.ts";
import * as file from "./file-operations.ts";
import * as folder from "./folder-operations.ts";
import { Handles } from "./handles.ts";
import * as path from "./path-operations.ts";
import type { Operation } from "./request.ts";
import { statusOf } from "./status-of.ts";

const operations: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [packetType.open, file.open],
  [packetType.close, file.close],
  [packetType.read, file.read],
  [packetType.write, file.write],
  [packetType.fstat, file.fstat],
  [packetType.fsetstat, file.fsetstat],
  [packetType.opendir, folder.opendir],
  [packetType.readdir, folder.readdir],
  [packetType.mkdir, folder.mkdir],
  [packetType.rmdir, folder.rmdir],
  [packetType.lstat, path.lstat],
  [packetType.stat, path.stat],
  [packetType.setstat, path.setstat],
  [packetType.remove, path.remove],
  [packetType.rename, path.rename],
  [packetType.symlink, path.symlink],
  [packetType.readlink, path.readlink],
  [packetType.realpath, path.realpath],
  [packetType.extended, extended],
]);

/** Where answers go. */
export interface SftpOutput {
  /** `onSent` comes when the bytes may be used again. */
  write(packet: Buffer, onSent?: () => void): void;
  /** Whether so much waits that requests should wait too. */
  readonly full: boolean;
}

/**
 * One connection of an SFTP server over the container's files, from its root. System calls are synchronous and answers
 * come in the order of the requests: sshfs sends an open that creates a file and a stat of it together, and relies on
 * what OpenSSH does. Whoever hangs in a volume hangs alone: the server has a process of its own.
 */
export class SftpServer implements Disposable {
  readonly #output: SftpOutput;
  readonly #handles = new Handles(maxHandles);
  readonly #decoder = new PacketDecoder((packet) => this.#onPacket(packet));
  readonly #onNote: (note: string) => void;

  constructor(output: SftpOutput, onNote: (note: string) => void = () => undefined) {
    this.#output = output;
    this.#onNote = onNote;
  }

  /**
   * Serves the requests in these bytes; false when the caller should wait for room in the output and then `resume`.
   * Throws WireError when the client does not speak the protocol: the connection is of no more use.
   */
  take(bytes: Buffer): boolean {
    this.#decoder.write(bytes);
    return !this.#output.full;
  }

  /** There is room again; answers as `take`. */
  resume(): boolean {
    this.#decoder.resume();
    return !this.#output.full;
  }

  /** Closes what the client left open. */
  [Symbol.dispose](): void {
    this.#handles.closeAll((error) => this.#onNote(`a file could not be closed: ${statusOf(error).message}`));
  }

  #onPacket(packet: Buffer): void {
    if (packet[0] === packetType.init) this.#sayVersion();
    else this.#serve(packet);
    if (this.#output.full) this.#decoder.pause();
  }

  #sayVersion(): void {
    const answer = new PacketWriter(packetType.version, undefined, 512).uint32(sftpVersion);
    for (const [name, version] of extensions) answer.text(name).text(version);
    this.#output.write(answer.finish());
  }

  #serve(packet: Buffer): void {
    const fields = new PacketReader(packet, 1);
    const id = fields.uint32();
    const status = (code: number, message: string = ""): void => {
      this.#output.write(new PacketWriter(packetType.status, id).uint32(code).text(message).text("").finish());
    };
    const operation = operations.get(packet[0]!);
    if (operation === undefined) return status(statusCode.unsupported);
    const reply = (answer: Buffer, onSent?: () => void): void => this.#output.write(answer, onSent);
    try {
      operation({ id, fields, handles: this.#handles, reply, status });
    } catch (error) {
      if (error instanceof WireError) return status(statusCode.badMessage, error.message);
      const { code, message } = statusOf(error);
      status(code, message);
    }
  }
}
