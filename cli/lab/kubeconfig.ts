import { dump } from "js-yaml";
import { keyPem } from "./certificate.ts";
import { credential, type Pki } from "./pki.ts";

/** A kubeconfig with everything in it: the named credential of the lab, at this server. */
export function kubeconfig(pki: Pki, user: string, server: string, context: string): string {
  const { certificate, ...rest } = credential(pki, user);
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  return dump({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: context, cluster: { server, "certificate-authority-data": base64(credential(pki, "ca").certificate) } },
    ],
    users: [
      {
        name: context,
        user: { "client-certificate-data": base64(certificate), "client-key-data": base64(keyPem(rest)) },
      },
    ],
    contexts: [{ name: context, context: { cluster: context, user: context } }],
    "current-context": context,
  });
}
