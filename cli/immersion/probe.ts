import { execFile } from "node:child_process";
import { access, constants, readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

/** One thing that immersion needs of this machine. */
export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, or what is wrong. */
  readonly detail: string;
  /** The command that mends it. */
  readonly mend?: string;
  /** What does not work without it. */
  readonly needed: "network" | "files";
}

const execute = promisify(execFile);
const toolFolders = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin"];
const timeoutMs = 5_000;

/** Whether an immersed process can live on this machine, each need by itself. Nothing is changed. */
export async function probeMachine(
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
): Promise<Finding[]> {
  if (platform !== "linux") {
    const detail = `namespaces exist on Linux only, and this is ${platform}`;
    return [{ name: "namespaces", ok: false, detail, mend: "run swap in a Linux virtual machine", needed: "network" }];
  }
  const tools = await Promise.all(neededTools.map((tool) => probeTool(tool, env)));
  const [namespaces, rules, fuse] = await Promise.all([probeNamespaces(env), probeRules(env), probeFuse()]);
  return [
    ...tools.filter(({ needed }) => needed === "network"),
    namespaces,
    rules,
    fuse,
    ...tools.filter(({ needed }) => needed === "files"),
  ];
}

/** The first thing that is missing for it; undefined when it can be had. */
export function missingFor(needed: Finding["needed"], findings: readonly Finding[]): Finding | undefined {
  return findings.find((finding) => finding.needed === needed && !finding.ok);
}

interface Tool {
  readonly program: string;
  readonly packages: string;
  readonly needed: Finding["needed"];
}

const neededTools: readonly Tool[] = [
  { program: "unshare", packages: "util-linux", needed: "network" },
  { program: "setpriv", packages: "util-linux", needed: "network" },
  { program: "ip", packages: "iproute2", needed: "network" },
  { program: "nft", packages: "nftables", needed: "network" },
  { program: "sshfs", packages: "sshfs", needed: "files" },
];

async function probeTool({ program, packages, needed }: Tool, env: NodeJS.ProcessEnv): Promise<Finding> {
  const found = await findTool(program, env);
  if (found !== undefined) return { name: program, ok: true, detail: found, needed };
  return {
    name: program,
    ok: false,
    detail: `${program} is not installed`,
    mend: `sudo apt install ${packages}`,
    needed,
  };
}

async function findTool(program: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const folder of [...(env["PATH"] ?? "").split(delimiter), ...toolFolders]) {
    const path = join(folder, program);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}

const spaces = ["--net", "--mount", "--uts", "--pid", "--fork"];

/** The namespaces that `unshare` makes for us, with a /proc of their own. */
async function probeNamespaces(env: NodeJS.ProcessEnv): Promise<Finding> {
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-current-user", "--keep-caps"];
  const name = "namespaces";
  try {
    const mountProc = ["sh", "-c", "mount -t proc proc /proc"];
    await execute("unshare", [...spaces, ...user, ...mountProc], { env: withTools(env), timeout: timeoutMs });
    return { name, ok: true, detail: user.length === 0 ? "as root" : "without root", needed: "network" };
  } catch (error) {
    const said = String((error as { stderr?: string }).stderr ?? error).trim();
    const why = await explainRefusal(said);
    return {
      name,
      ok: false,
      detail: why.detail,
      ...(why.mend === undefined ? {} : { mend: why.mend }),
      needed: "network",
    };
  }
}

/** Which of the known ways to forbid user namespaces this machine uses. */
async function explainRefusal(said: string): Promise<{ detail: string; mend?: string }> {
  const read = async (path: string): Promise<string> => (await readFile(path, "utf8").catch(() => "")).trim();
  const [clone, limit, apparmor] = await Promise.all([
    read("/proc/sys/kernel/unprivileged_userns_clone"),
    read("/proc/sys/user/max_user_namespaces"),
    read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
  ]);
  const sysctl = (setting: string): string => `sudo sysctl -w ${setting}`;
  if (clone === "0") {
    return {
      detail: "user namespaces are off (unprivileged_userns_clone)",
      mend: sysctl("kernel.unprivileged_userns_clone=1"),
    };
  }
  if (limit === "0") {
    return { detail: "user namespaces are off (max_user_namespaces)", mend: sysctl("user.max_user_namespaces=15000") };
  }
  if (apparmor === "1") {
    return {
      detail: "AppArmor restricts user namespaces",
      mend: sysctl("kernel.apparmor_restrict_unprivileged_userns=0"),
    };
  }
  if (/proc/.test(said)) {
    return { detail: `a container's /proc is masked (${said})`, mend: "run swap outside of the container" };
  }
  return { detail: said, mend: "run swap outside of the container, or with --network=proxy" };
}

const rules = `table inet swap { chain pre { type filter hook prerouting priority mangle; socket wildcard 0 accept; meta l4proto tcp tproxy to :1 accept; }; }`;

/** The kernel's parts for transparent proxying. */
async function probeRules(env: NodeJS.ProcessEnv): Promise<Finding> {
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-current-user", "--keep-caps"];
  const name = "interception";
  try {
    await execute("unshare", ["--net", ...user, "nft", rules], { env: withTools(env), timeout: timeoutMs });
    return { name, ok: true, detail: "nftables with tproxy and socket", needed: "network" };
  } catch (error) {
    const said = String((error as { stderr?: string }).stderr ?? error).split("\n")[0] ?? "";
    const mend = "sudo modprobe -a nft_tproxy nft_socket";
    return { name, ok: false, detail: `nftables refuses the rules: ${said.trim()}`, mend, needed: "network" };
  }
}

async function probeFuse(): Promise<Finding> {
  const name = "/dev/fuse";
  try {
    await access("/dev/fuse", constants.R_OK | constants.W_OK);
    return { name, ok: true, detail: "may be opened", needed: "files" };
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT"
      ? { name, ok: false, detail: "is not there", mend: "sudo modprobe fuse", needed: "files" }
      : {
          name,
          ok: false,
          detail: "may not be opened by this user",
          mend: "sudo chmod 666 /dev/fuse",
          needed: "files",
        };
  }
}

function withTools(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, PATH: `${env["PATH"] ?? ""}:${toolFolders.join(":")}` };
}
