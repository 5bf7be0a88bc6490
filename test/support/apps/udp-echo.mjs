// Answers each UDP datagram on port 5300 with who it is and what came; ends after the milliseconds that are given.
import { createSocket } from "node:dgram";

const socket = createSocket("udp4");
socket.on("message", (datagram, { address, port }) =>
  socket.send(`${process.env.HOSTNAME} ${datagram}`, port, address),
);
socket.bind(5300, "0.0.0.0", () => process.stdout.write("udp-echo listens\n"));
setTimeout(() => process.exit(0), Number(process.argv[2] ?? 60_000));
