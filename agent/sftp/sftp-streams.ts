import { resetCode } from "../../src/tunnel/stream-end.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import { log } from "../last-words.ts";
import { SftpProcess } from "./sftp-process.ts";

/** Processes at once, those that end or hang included: each may need 20 MiB of the container's memory. */
const maxProcesses = 2;

/** Leads each SFTP stream to a process that serves it. */
export class SftpStreams {
  readonly #processes = new Set<SftpProcess>();

  serve(stream: MuxStream): void {
    const process = [...this.#processes].find(({ hasRoom }) => hasRoom) ?? this.#start();
    if (process === undefined) stream.reset(resetCode.overloaded);
    else process.serve(stream);
  }

  #start(): SftpProcess | undefined {
    if (this.#processes.size >= maxProcesses) {
      log("SFTP: too many processes; a volume may not be answering");
      return undefined;
    }
    const process: SftpProcess = new SftpProcess(() => this.#processes.delete(process));
    this.#processes.add(process);
    return process;
  }
}
