// Runs in the client pod: reads commands as JSON lines on stdin, answers them as JSON lines on stdout.
import { Agent, request } from "node:http";
import { createInterface } from "node:readline";

const loads = new Map();

function send({ url, method = "GET", headers = {}, body, timeoutMs = 10_000, agent = false }) {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() }),
      );
    });
    const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    sent.on("close", () => clearTimeout(timer));
    sent.on("error", reject);
    sent.end(body);
  });
}

// Requests at a fixed rate, whatever becomes of the earlier ones.
function startLoad({ load, url, perSecond, keepAlive = 0, timeoutMs }) {
  const agent = keepAlive ? new Agent({ keepAlive: true, maxSockets: keepAlive }) : false;
  const started = performance.now();
  const state = { requests: 0, answered: 0, failures: [], from: {}, slowestMs: 0, pending: new Set(), started, agent };
  const one = async () => {
    const at = performance.now();
    state.requests += 1;
    try {
      const { status, body } = await send({ url, timeoutMs, agent });
      if (status !== 200) throw new Error(`status ${status}`);
      const from = JSON.parse(body).from;
      state.from[from] = (state.from[from] ?? 0) + 1;
      state.answered += 1;
      state.slowestMs = Math.max(state.slowestMs, performance.now() - at);
    } catch (error) {
      const failure = {
        atMs: Math.round(at - started),
        time: new Date().toISOString(),
        tookMs: Math.round(performance.now() - at),
      };
      state.failures.push({ ...failure, error: `${error.code ?? ""} ${error.message}`.trim() });
    }
  };
  let due = 0;
  state.timer = setInterval(() => {
    // The interval may come late; the rate is kept all the same.
    for (; due <= ((performance.now() - started) / 1000) * perSecond; due += 1) {
      const pending = one().finally(() => state.pending.delete(pending));
      state.pending.add(pending);
    }
  }, 1000 / perSecond);
  loads.set(load, state);
}

function figures({ requests, answered, failures, from, slowestMs, started }) {
  const seconds = (performance.now() - started) / 1000;
  return {
    requests,
    answered,
    failed: failures.length,
    failures: failures.slice(0, 50),
    from,
    slowestMs: Math.round(slowestMs),
    seconds,
  };
}

const operations = {
  request: send,
  startLoad,
  peekLoad: ({ load }) => figures(loads.get(load)),
  async stopLoad({ load }) {
    const state = loads.get(load);
    loads.delete(load);
    clearInterval(state.timer);
    await Promise.all(state.pending);
    if (state.agent) state.agent.destroy();
    return figures(state);
  },
};

const reply = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
reply({ ready: true });
createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const { id, operation, ...args } = JSON.parse(line);
    try {
      reply({ id, result: (await operations[operation](args)) ?? null });
    } catch (error) {
      reply({ id, error: `${error.code ?? ""} ${error.message}`.trim() });
    }
  })
  .on("close", () => process.exit(0));
