import { expect, test } from "vitest";
import { withFixedLabels } from "../../src/plan/fixed-labels.ts";

const fieldRef = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });

test("variables of labels that the pod will not have get the originals' values, and nothing else changes", () => {
  const other = [
    fieldRef("NAME", "metadata.name"),
    fieldRef("KEPT", "metadata.labels['tier']"),
    fieldRef("NOTE", "metadata.annotations['app']"),
    { name: "PLAIN", value: "$(NAME)" },
  ];
  const env = [fieldRef("APP", "metadata.labels['app']"), ...other];
  const spec = { containers: [{ name: "a", env }, { name: "b" }], initContainers: [{ name: "i", env }] };
  const fixed = [{ name: "APP", value: "api" }, ...other];
  expect(withFixedLabels(spec, { app: "api" })).toEqual({
    containers: [{ name: "a", env: fixed }, { name: "b" }],
    initContainers: [{ name: "i", env: fixed }],
  });
});
