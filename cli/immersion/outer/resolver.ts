import {
  answeredAddresses,
  emptyAnswer,
  readQuestion,
  readRecords,
  responseCode,
  responseCodeOf,
} from "../dns-message.ts";
import { DnsCache } from "./dns-cache.ts";
import type { AskDns } from "./dns-tunnel.ts";

export interface ResolverOptions {
  /** The pod's resolver; undefined with --outbound=none. */
  readonly cluster: AskDns | undefined;
  readonly laptop: AskDns;
  /** Domains whose names only the cluster knows: its own, and the pod's search list. */
  readonly clusterDomains: readonly string[];
  /** The cluster has answered with these addresses. */
  readonly onAnswer: (addresses: readonly string[], nameIsClusters: boolean) => void;
  readonly cache?: DnsCache;
}

/** Public names go to the laptop's resolver when the cluster's does not answer within this time, in ms. */
const patienceMs = 2_000;

/** Answers the local process's questions: the pod's resolver first, the laptop's for public names that it does not know. */
export class Resolver {
  readonly #options: ResolverOptions;
  readonly #cache: DnsCache;

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#cache = options.cache ?? new DnsCache();
  }

  /** @returns an answer in any case: SERVFAIL at worst; undefined for what is no query. */
  async resolve(query: Buffer): Promise<Buffer | undefined> {
    const question = readQuestion(query);
    if (question === undefined) return undefined;
    const cached = this.#cache.find(query);
    if (cached !== undefined) return cached;
    const answer = await this.#ask(query, question.name);
    if (answer === undefined) return emptyAnswer(query, responseCode.serverFailure);
    this.#cache.keep(query, answer);
    return answer;
  }

  async #ask(query: Buffer, name: string): Promise<Buffer | undefined> {
    const { cluster, laptop, onAnswer } = this.#options;
    const isClusters = this.#isClusters(name);
    const asked = cluster?.(query).catch(() => undefined);
    const first = isClusters ? await asked : await withinPatience(asked);
    if (first !== undefined) {
      const records = readRecords(first);
      if (records !== undefined) onAnswer(answeredAddresses(records), isClusters);
      if (isClusters || responseCodeOf(first) === responseCode.noError) return first;
    }
    if (isClusters && cluster !== undefined) return first;
    const second = await laptop(query).catch(() => undefined);
    return second ?? first ?? (await asked);
  }

  #isClusters(name: string): boolean {
    return this.#options.clusterDomains.some((domain) => name === domain || name.endsWith(`.${domain}`));
  }
}

async function withinPatience(asked: Promise<Buffer | undefined> | undefined): Promise<Buffer | undefined> {
  const patience = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => patience.resolve(undefined), patienceMs);
  try {
    return await Promise.race([asked, patience.promise]);
  } finally {
    clearTimeout(timer);
  }
}
