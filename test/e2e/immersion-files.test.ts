import { expect, test } from "vitest";
import { allReady, identityDeployment, inCluster, serviceOf, until, useNamespace } from "../support/cluster.ts";
import { shell, startInside } from "../support/inside.ts";

const config = (greeting: string): object => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings" },
  data: { greeting, "one.conf": "just one file" },
});

test("the container's volumes are at their own paths, as they are in the pod", async () => {
  await using ns = await useNamespace("immersion-files");
  const volumes = [
    { name: "settings", configMap: { name: "settings" } },
    { name: "secret", secret: { secretName: "secret" } },
    { name: "data", emptyDir: {} },
  ];
  const volumeMounts = [
    { name: "settings", mountPath: "/etc/settings" },
    { name: "settings", mountPath: "/opt/app/one.conf", subPath: "one.conf" },
    { name: "secret", mountPath: "/var/lib/secret", readOnly: true },
    { name: "data", mountPath: "/data" },
  ];
  const neighbour = {
    name: "neighbour",
    image: "swap.dev/busybox:1",
    command: ["sleep", "1000000"],
    volumeMounts: [{ name: "data", mountPath: "/data" }],
  };
  await ns.apply(
    config("hello"),
    { apiVersion: "v1", kind: "Secret", metadata: { name: "secret" }, stringData: { password: "s3cret" } },
    identityDeployment({ container: { volumeMounts }, pod: { volumes }, sidecars: [neighbour] }),
    serviceOf(),
  );
  await using client = await inCluster(ns);
  await allReady(ns);
  await using swap = await startInside(ns, { target: "deploy/api/api" });
  await swap.swapped();

  expect(await shell(client, "cat /etc/settings/greeting /opt/app/one.conf /var/lib/secret/password")).toBe(
    "hellojust one files3cret",
  );
  expect(await shell(client, "cat /run/secrets/kubernetes.io/serviceaccount/namespace")).toBe(ns.name);
  expect(await shell(client, "cat $SWAP_ROOT/etc/settings/greeting")).toBe("hello");
  expect(await shell(client, "touch /etc/settings/x 2>&1 || true")).toMatch(/Read-only file system/);
  const api = "https://$KUBERNETES_SERVICE_HOST/version";
  const account = "/var/run/secrets/kubernetes.io/serviceaccount";
  const ask = `curl -s --cacert ${account}/ca.crt -H "Authorization: Bearer $(cat ${account}/token)" ${api}`;
  expect(await shell(client, ask)).toMatch(/"gitVersion"/);

  await shell(client, "cd /data && echo one > a && mv a b && ln -s b c && echo two >> c && mkdir -p d/e && cp c d/e/f");
  const pod = (await ns.kubectl("get", "pods", "-l", "swap.dev/state=agent", "-o", "name")).trim();
  const inPod = await ns.kubectl("exec", pod, "-c", "neighbour", "--", "sh", "-c", "cat /data/b /data/d/e/f");
  expect(inPod).toBe("one\ntwo\none\ntwo\n");

  await ns.apply(config("good day"));
  const look = async (): Promise<true | undefined> =>
    (await shell(client, "cat /etc/settings/greeting")) === "good day" || undefined;
  await until("the edit of the ConfigMap", look, { timeoutMs: 120_000, everyMs: 1000 });
});
