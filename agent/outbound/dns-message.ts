/** Just enough of a DNS message (RFC 1035, 4.1) to carry it: its header and the bytes of its question. */
export const headerBytes = 12;

const maxNameBytes = 255;
const maxLabelBytes = 63;

export const rcode = { formatError: 1, serverFailure: 2, notImplemented: 4, refused: 5 } as const;

export function messageId(message: Buffer): number {
  return message.readUInt16BE(0);
}

export function isResponse(message: Buffer): boolean {
  return (message[2]! & 0x80) !== 0;
}

export function opcodeOf(message: Buffer): number {
  return (message[2]! >>> 3) & 0x0f;
}

export function isTruncated(message: Buffer): boolean {
  return (message[2]! & 0x02) !== 0;
}

export function rcodeOf(message: Buffer): number {
  return message[3]! & 0x0f;
}

/**
 * The one question of a message (name, type, class), names in lower case, so that those of a query and of its answer can
 * be compared; undefined where there is not exactly one or it is malformed.
 */
export function questionOf(message: Buffer): Buffer | undefined {
  if (message.length < headerBytes || message.readUInt16BE(4) !== 1) return undefined;
  let at = headerBytes;
  for (;;) {
    const length = message[at];
    // Compression has nothing to point at in a first name.
    if (length === undefined || length > maxLabelBytes) return undefined;
    at += 1 + length;
    if (at - headerBytes > maxNameBytes) return undefined;
    if (length === 0) break;
  }
  if (at + 4 > message.length) return undefined;
  const question = Buffer.from(message.subarray(headerBytes, at + 4));
  for (let index = 0; index < question.length - 4; index += 1) {
    const byte = question[index]!;
    // Lengths of labels are below the letters.
    if (byte >= 0x41 && byte <= 0x5a) question[index] = byte | 0x20;
  }
  return question;
}

/** Whether `answer` can be the one to a query of this id and question. */
export function answers(answer: Buffer, id: number, question: Buffer): boolean {
  if (answer.length < headerBytes || !isResponse(answer) || messageId(answer) !== id) return false;
  // Servers that could not read the question do not repeat it.
  if (answer.readUInt16BE(4) === 0) return rcodeOf(answer) !== 0 && answer.length === headerBytes;
  return questionOf(answer)?.equals(question) ?? false;
}

/** The answer of a resolver that has none: the query's id, flags and question with the code. */
export function failure(query: Buffer, code: number): Buffer {
  const question = questionOf(query);
  const answer = Buffer.alloc(headerBytes + (question?.length ?? 0));
  query.copy(answer, 0, 0, 4);
  // QR; the query's opcode and RD; RA.
  answer[2] = 0x80 | (query[2]! & 0x79);
  answer[3] = 0x80 | code;
  answer.writeUInt16BE(question === undefined ? 0 : 1, 4);
  // In the asker's own letters: some compare them.
  if (question !== undefined) query.copy(answer, headerBytes, headerBytes, headerBytes + question.length);
  return answer;
}
