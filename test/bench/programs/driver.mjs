// Sends the requests and takes the times, in a pod as well as on this machine: reads commands as JSON lines on stdin,
// answers them as JSON lines on stdout.
import { Agent, request } from "node:http";
import { createInterface } from "node:readline";

const block = Buffer.alloc(65_536, "swap");

function send(url, { agent = false, method = "GET", bytes = 0, timeoutMs = 60_000, keep = true } = {}) {
  return new Promise((resolve, reject) => {
    const headers = method === "POST" ? { "content-length": bytes } : {};
    const sent = request(url, { method, agent, headers, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      let text = "";
      let taken = 0;
      response.on("data", (chunk) => {
        taken += chunk.length;
        if (keep) text += chunk;
      });
      response.on("error", reject);
      response.on("end", () => resolve({ taken, text }));
    });
    sent.on("error", reject);
    if (method === "POST") sendBytes(sent, bytes).catch(reject);
    else sent.end();
  });
}

async function sendBytes(sent, total) {
  for (let left = total; left > 0; left -= block.length) {
    const goesOn = sent.write(left < block.length ? block.subarray(0, left) : block);
    if (!goesOn) await new Promise((resolve) => sent.once("drain", resolve));
  }
  sent.end();
}

const operations = {
  // One request after the other. → ms of each
  async latency({ url, count, keepAlive }) {
    const agent = keepAlive ? new Agent({ keepAlive: true, maxSockets: 1 }) : false;
    const times = [];
    // The first ones warm the path up.
    for (let sent = -5; sent < count; sent += 1) {
      const started = performance.now();
      await send(url, { agent });
      if (sent >= 0) times.push(performance.now() - started);
    }
    if (agent) agent.destroy();
    return times;
  },

  // → seconds
  async download({ url, bytes }) {
    const started = performance.now();
    const { taken } = await send(`${url}bytes?n=${bytes}`, { keep: false });
    if (taken !== bytes) throw new Error(`${taken} bytes came instead of ${bytes}`);
    return (performance.now() - started) / 1000;
  },

  // → seconds, until the other side has said that it has all
  async upload({ url, bytes }) {
    const started = performance.now();
    const { taken } = JSON.parse((await send(`${url}sink`, { method: "POST", bytes })).text);
    if (taken !== bytes) throw new Error(`${taken} bytes arrived instead of ${bytes}`);
    return (performance.now() - started) / 1000;
  },

  // Asks every few ms, each time on a new connection and whatever becomes of the earlier ones, until that one answers.
  async answered({ url, from, timeoutMs }) {
    const deadline = performance.now() + timeoutMs;
    const found = Promise.withResolvers();
    let last = "nothing came back";
    const look = async () => {
      try {
        last = (await send(url, { timeoutMs: 2000 })).text;
        if (JSON.parse(last).from === from) found.resolve();
      } catch (error) {
        last = error.message;
      }
      if (performance.now() > deadline) found.reject(new Error(`no answer from ${from} in ${timeoutMs} ms: ${last}`));
    };
    const timer = setInterval(look, 20);
    await found.promise.finally(() => clearInterval(timer));
  },
};

const reply = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
reply({ id: 0 });
createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const { id, operation, ...args } = JSON.parse(line);
    try {
      reply({ id, result: (await operations[operation](args)) ?? null });
    } catch (error) {
      reply({ id, error: `${operation} of ${args.url}: ${error.message}` });
    }
  })
  .on("close", () => process.exit(0));
