import { startPortForward, startSwap, appPort, onePod, serviceUrl, type Bed } from "./bed.ts";
import { judge, type Metric } from "./metric.ts";

const workload = "start";

/**
 * Start: from the command to the first request in the cluster, through the Service, that the local process answers;
 * beside it, from `kubectl port-forward` to the first request answered through it.
 * Restore: from Ctrl-C until the command has ended and the original answers (then alone: the local process is gone);
 * beside it ("direct"), what the original itself takes: from a change of the replicas from 0 to 1 to its first answer.
 */
export async function measureStart(bed: Bed, rounds: number): Promise<Metric[]> {
  const starts = { swap: [] as number[], portForward: [] as number[] };
  const restores = { swap: [] as number[], direct: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    const { start, restore } = await swapOnce(bed);
    starts.swap.push(start);
    restores.swap.push(restore);
    starts.portForward.push(await forwardOnce(bed));
    restores.direct.push(await originalOnce(bed));
  }
  return [
    judge({ name: "start", unit: "ms", better: "less", target: { of: "swap", limit: 3000 } }, starts),
    judge({ name: "restore", unit: "ms", better: "less" }, restores),
  ];
}

async function swapOnce(bed: Bed): Promise<{ start: number; restore: number }> {
  await onePod(bed, workload);
  const url = serviceUrl(workload);
  await using swap = await startSwap(bed, workload);
  await bed.inCluster.answered(url, "local");
  const start = performance.now() - swap.startedAt;
  await swap.says(/is swapped/);
  await onePod(bed, workload);
  const interruptedAt = performance.now();
  await swap.interrupt();
  await bed.inCluster.answered(url, "original");
  return { start, restore: performance.now() - interruptedAt };
}

async function forwardOnce(bed: Bed): Promise<number> {
  const { name } = await onePod(bed, workload);
  const { command, url } = await startPortForward(bed, `pod/${name}`, appPort);
  await using forward = command;
  await bed.here.answered(url, "original");
  return performance.now() - forward.startedAt;
}

async function originalOnce(bed: Bed): Promise<number> {
  await bed.kubectl("scale", `deployment/${workload}`, "--replicas=0");
  await bed.kubectl("wait", "--for=delete", "pod", "-l", `app=${workload}`, "--timeout=60s");
  const startedAt = performance.now();
  await bed.kubectl("scale", `deployment/${workload}`, "--replicas=1");
  await bed.inCluster.answered(serviceUrl(workload), "original");
  return performance.now() - startedAt;
}
