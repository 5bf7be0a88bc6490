import { mkdtempSync, rmSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type SftpOutput, SftpServer } from "../../agent/sftp/server.ts";
import { PacketReader } from "../../src/sftp/packet-reader.ts";
import { PacketWriter } from "../../src/sftp/packet-writer.ts";
import { maxHandles, openFlag, packetType, statusCode } from "../../src/sftp/protocol.ts";
import { WireError } from "../../src/wire/wire-error.ts";

/** A server whose answers are kept; each is copied, as the server may use its bytes again. */
class Talk implements SftpOutput {
  readonly answers: Buffer[] = [];
  readonly server = new SftpServer(this);
  full = false;
  /** Becomes full after so many answers. */
  room = Infinity;

  write(packet: Buffer, onSent?: () => void): void {
    this.answers.push(Buffer.from(packet));
    if (this.answers.length >= this.room) this.full = true;
    onSent?.();
  }

  /** Type, id and the fields of the one answer. */
  ask(request: PacketWriter): { type: number; id: number; fields: PacketReader } {
    const before = this.answers.length;
    this.server.take(request.finish());
    expect(this.answers.length).toBe(before + 1);
    const answer = this.answers.at(-1)!;
    expect(answer.readUInt32BE(0)).toBe(answer.length - 4);
    return { type: answer[4]!, id: answer.readUInt32BE(5), fields: new PacketReader(answer, 9) };
  }

  status(request: PacketWriter): number {
    const { type, fields } = this.ask(request);
    expect(type).toBe(packetType.status);
    return fields.uint32();
  }

  open(path: string, flags: number): Buffer {
    const { type, fields } = this.ask(
      new PacketWriter(packetType.open, 1).text(path).uint32(flags).attributes({ mode: 0o644 }),
    );
    expect(type).toBe(packetType.handle);
    return Buffer.from(fields.bytes());
  }
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "swap-sftp-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("the SFTP server", () => {
  test("tells version 3 and its extensions", () => {
    const talk = new Talk();
    talk.server.take(Buffer.from([0, 0, 0, 5, packetType.init, 0, 0, 0, 3]));
    const answer = talk.answers[0]!;
    expect([answer[4], answer.readUInt32BE(5)]).toEqual([packetType.version, 3]);
    expect(answer.toString("latin1")).toContain("posix-rename@openssh.com");
  });

  test("answers in the order of the requests, an open that creates and a stat of it sent together", () => {
    const talk = new Talk();
    const path = join(folder, "new");
    const create = openFlag.create | openFlag.write;
    const requests = [
      new PacketWriter(packetType.open, 11).text(path).uint32(create).attributes({}),
      new PacketWriter(packetType.lstat, 12).text(path),
      new PacketWriter(packetType.remove, 13).text(path),
      new PacketWriter(packetType.lstat, 14).text(path),
    ];
    talk.server.take(Buffer.concat(requests.map((request) => request.finish())));
    expect(talk.answers.map((answer) => [answer.readUInt32BE(5), answer[4]])).toEqual([
      [11, packetType.handle],
      [12, packetType.attrs],
      [13, packetType.status],
      [14, packetType.status],
    ]);
  });

  test("reads and writes where it is told, and says where the file ends", () => {
    const talk = new Talk();
    const path = join(folder, "file");
    const handle = talk.open(path, openFlag.create | openFlag.write | openFlag.read);
    const write = new PacketWriter(packetType.write, 2).bytes(handle).uint64(3).text("hello");
    expect(talk.status(write)).toBe(statusCode.ok);
    expect(readFileSync(path, "latin1")).toBe("\0\0\0hello");
    const read = (offset: number): PacketWriter =>
      new PacketWriter(packetType.read, 3).bytes(handle).uint64(offset).uint32(100);
    expect(talk.ask(read(4)).fields.bytes().toString()).toBe("ello");
    expect(talk.status(read(8))).toBe(statusCode.endOfFile);
    expect(talk.status(new PacketWriter(packetType.close, 4).bytes(handle))).toBe(statusCode.ok);
    expect(talk.status(new PacketWriter(packetType.close, 5).bytes(handle))).toBe(statusCode.failure);
    expect(talk.status(read(0))).toBe(statusCode.failure);
  });

  test("waits with the requests that a full output has no room for, without losing one", () => {
    const talk = new Talk();
    talk.room = 3;
    const stat = (id: number): Buffer => new PacketWriter(packetType.stat, id).text("/").finish();
    expect(talk.server.take(Buffer.concat(Array.from({ length: 10 }, (_, id) => stat(id))))).toBe(false);
    expect(talk.answers).toHaveLength(3);
    talk.room = 7;
    talk.full = false;
    expect(talk.server.resume()).toBe(false);
    expect(talk.answers).toHaveLength(7);
    talk.room = Infinity;
    talk.full = false;
    expect(talk.server.resume()).toBe(true);
    expect(talk.answers.map((answer) => answer.readUInt32BE(5))).toEqual([...Array(10).keys()]);
  });

  test("opens no more than its bound, and everything again after a close", () => {
    const talk = new Talk();
    writeFileSync(join(folder, "file"), "");
    const handles = Array.from({ length: maxHandles }, () => talk.open(join(folder, "file"), openFlag.read));
    const more = (): PacketWriter =>
      new PacketWriter(packetType.open, 1).text(join(folder, "file")).uint32(openFlag.read).attributes({});
    expect(talk.status(more())).toBe(statusCode.failure);
    expect(talk.status(new PacketWriter(packetType.opendir, 1).text(folder))).toBe(statusCode.failure);
    talk.status(new PacketWriter(packetType.close, 2).bytes(handles[500]!));
    expect(talk.ask(more()).type).toBe(packetType.handle);
    talk.server[Symbol.dispose]();
    expect(talk.status(new PacketWriter(packetType.close, 2).bytes(handles[0]!))).toBe(statusCode.failure);
  });

  test("says unsupported, or that a request is malformed, and goes on", () => {
    const talk = new Talk();
    expect(talk.status(new PacketWriter(packetType.extended, 1).text("unheard@of"))).toBe(statusCode.unsupported);
    expect(talk.status(new PacketWriter(99, 2).text("x"))).toBe(statusCode.unsupported);
    expect(talk.status(new PacketWriter(packetType.open, 3).uint32(1_000))).toBe(statusCode.badMessage);
    expect(talk.status(new PacketWriter(packetType.stat, 4).text("/etc\0/x"))).toBe(statusCode.noSuchFile);
    expect(talk.ask(new PacketWriter(packetType.stat, 5).text("/")).type).toBe(packetType.attrs);
  });

  test("answers each request of any fields with its id once, or ends the connection", () => {
    // None that could change the machine: the first path is one that leads nowhere, and a symlink's second one is what
    // it makes, so that it has no place here.
    const types = Object.values(packetType).filter((type) => type > packetType.version && type !== packetType.symlink);
    const field = fc.oneof(
      fc.uint8Array({ maxLength: 20 }).map((bytes) => (writer: PacketWriter) => writer.bytes(bytes)),
      fc
        .string({ maxLength: 20 })
        .map((name) => (writer: PacketWriter) => writer.text(`/nowhere/${name.replaceAll("..", "")}`)),
      fc.nat().map((value) => (writer: PacketWriter) => writer.uint32(value)),
      fc
        .bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn })
        .map((value) => (writer: PacketWriter) => writer.uint64(value)),
      fc
        .constantFrom("statvfs@openssh.com", "fsync@openssh.com", "limits@openssh.com")
        .map((name) => (writer: PacketWriter) => writer.text(name)),
    );
    const talk = new Talk();
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.nat(), fc.array(field, { maxLength: 5 }), (type, id, fields) => {
        const writer = new PacketWriter(type, id);
        if (type >= packetType.open && type < packetType.symlink) writer.text("/nowhere/x");
        for (const write of fields) write(writer);
        expect(talk.ask(writer).id).toBe(id);
      }),
      { numRuns: 2_000 },
    );
  });

  test("takes packets of any bytes, as answers or a WireError", () => {
    const { open, setstat, remove, mkdir, rmdir, rename, symlink, extended } = packetType;
    const changing: number[] = [open, setstat, remove, mkdir, rmdir, rename, symlink, extended];
    const harmless = fc.uint8Array({ maxLength: 40 }).filter(([type]) => !changing.includes(type ?? 0));
    fc.assert(
      fc.property(fc.array(harmless, { maxLength: 10 }), (packets) => {
        const talk = new Talk();
        try {
          for (const packet of packets)
            talk.server.take(Buffer.concat([Buffer.from([0, 0, 0, packet.length]), packet]));
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
