interface Stored {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion?: string;
    readonly managedFields?: readonly { readonly manager?: string; readonly subresource?: string }[];
  };
  readonly status?: unknown;
}

/**
 * The objects of a `kubectl get … -o json --show-managed-fields`, by kind and name, as text that is the same as long as
 * nobody wrote to them: all of their JSON less `status`, `resourceVersion`, and the entry of managed fields by which the
 * controller accounts for that status.
 */
export function storedObjects(json: string): Map<string, string> {
  const parsed = JSON.parse(json) as Stored | { readonly items: readonly Stored[] };
  const objects = "items" in parsed ? parsed.items : [parsed];
  return new Map(objects.map((object) => [`${object.kind} ${object.metadata.name}`, withoutStatus(object)]));
}

function withoutStatus({ status: _status, ...stored }: Stored): string {
  const { resourceVersion: _version, managedFields, ...metadata } = stored.metadata;
  const kept = managedFields?.filter(
    ({ manager, subresource }) => !(manager === "kube-controller-manager" && subresource === "status"),
  );
  return JSON.stringify({ ...stored, metadata: { ...metadata, managedFields: kept } });
}
