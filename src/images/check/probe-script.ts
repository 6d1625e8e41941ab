/**
 * What a probe runs in a container of an image: a POSIX shell script of builtins only, since an image may have no other
 * tools, and a program for each interpreter that it finds. All write lines as in probe-frames.ts.
 */
import { INTERPRETER_FOLDERS, PYTHON_NAMES } from "./interpreter-folders.ts";

/** More are not started: an image with every version of pyenv would take too long. */
const MAX_INTERPRETERS = 12;
const PROGRAMS = ["a0", "a0-ts", "python", "python3", "node", "tar", "bash", "apt-get", "apk", "dnf"];
const VARIABLES = ["VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "CUDA_VERSION"];
/** What `a0` of flyte 2.12 imports before it loads a task. */
const IMPORTED = [
  "flyte._bin.runtime",
  "flyte._internal.runtime.entrypoints",
  "flyte._internal.controllers",
  "flyte.storage",
];
const CA_BUNDLES = [
  "$SSL_CERT_FILE",
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

const quotedAll = (texts: readonly string[]) =>
  texts.map((text) => text.replaceAll(/[^*]+/gu, (part) => `"${part}"`)).join(" ");

/** `python` and `node` are the programs for interpreters, passed as arguments so that nothing has to be quoted. */
const SHELL_SCRIPT = `
n=$1 python=$2 node=$3 nl='
'
say() { printf '%s %s %s\\n' "$n" "$1" "$2"; }
writable() { ( : >"$1/.boxkite-$n" ) 2>/dev/null; }
folder() { if writable "$2"; then say "$1" "yes $2"; else say "$1" "no $2"; fi; }
say begin sh
while read -r key real id rest; do
  case $key in Uid:) uid=$id ;; Gid:) gid=$id ;; esac
done 2>/dev/null </proc/self/status
say uid "$uid"
say gid "$gid"
if [ -r /etc/passwd ]; then
  while IFS=: read -r name rest id more; do
    if [ "$id" = "$uid" ]; then say name "$name"; break; fi
  done </etc/passwd
fi
[ -z "$HOME" ] || folder home "$HOME"
folder workdir "$(pwd -P)"
say path "$PATH"
for name in ${VARIABLES.join(" ")}; do
  eval "value=\\\${$name-}"
  [ -z "$value" ] || say env "$name=$value"
done
for name in ${PROGRAMS.join(" ")}; do
  file=$(command -v "$name") && say program "$name $file"
done
a0=$(command -v a0) && {
  { IFS= read -r one; IFS= read -r two; } 2>/dev/null <"$a0"
  say a0 "$one"
  say a0 "$two"
  case $two in "'''exec' "*) program=\${two#"'''exec' "} program=\${program%% *} ;; *) program=\${one#'#!'} ;; esac
  # Whether flyte can be imported takes half a second; the rest is found out meanwhile.
  case $program in *python*) $program -c "$python" "$n" "$a0" import </dev/null 2>/dev/null & ;; esac
}
if [ -r /etc/os-release ]; then
  while IFS== read -r key value; do
    case $key in ID | VERSION_ID) say os "$key=$value" ;; esac
  done </etc/os-release
fi
for file in ${quotedAll(CA_BUNDLES)}; do
  if [ -r "$file" ] && [ -s "$file" ]; then say ca "$file"; break; fi
done
for file in /lib/ld-musl-*; do [ -e "$file" ] && say libc musl; done
for file in /lib/ld-linux* /lib64/ld-linux* /lib/*/ld-linux*; do
  if [ -e "$file" ]; then say libc glibc; break; fi
done
for file in /usr/local/cuda-*; do [ -d "$file" ] && say cuda "\${file##*-}"; done
nodejs=$(command -v node || command -v nodejs)
for file in /nodejs/bin/node; do [ -n "$nodejs" ] || [ ! -x "$file" ] || nodejs=$file; done
if [ -n "$nodejs" ]; then
  say node-path "$nodejs"
  "$nodejs" -e "$node" "$n" "$(command -v a0-ts)" some </dev/null 2>/dev/null
fi
# The interpreter of a0 may be where no other search finds it.
folders=
case $program in /*/*python*) folders=\${program%/*}$nl ;; esac
IFS=:
set -f
for d in $PATH; do folders=$folders$d$nl; done
set +f
IFS=' '
for d in ${quotedAll(INTERPRETER_FOLDERS)}; do folders=$folders$d$nl; done
IFS=$nl
seen=
left=${MAX_INTERPRETERS}
for d in $folders; do
  [ -d "$d" ] || continue
  for other in $seen; do [ "$d" -ef "$other" ] && continue 2; done
  seen=$seen$d$nl
  same=
  for file in ${PYTHON_NAMES.map((name) => `"$d"/${name}`).join(" ")}; do
    [ -f "$file" ] && [ -x "$file" ] || continue
    for other in $same; do [ "$file" -ef "$other" ] && continue 2; done
    same=$same$file$nl
    [ "$left" -gt 0 ] || break 2
    left=$((left - 1))
    say python-path "$file"
    "$file" -c "$python" "$n" "$file" </dev/null 2>/dev/null
  done
done
shift 3
for word; do
  # Only of scripts: a shell reads a program byte by byte.
  file=$(command -v "$word") && [ -f "$file" ] && [ -r "$file" ] || continue
  left=400
  while [ "$left" -gt 0 ] && IFS= read -r line; do
    if [ "$left" -eq 400 ]; then case $line in '#!'*) say script "$word" ;; *) break ;; esac; fi
    left=$((left - 1))
    case $line in *'$@'* | *'$*'* | *'\${@'*) say forwards "$word"; break 2 ;; esac
  done <"$file"
done 2>/dev/null
wait
say end
`;

/**
 * For every Python from 2.7 on. With the argument \`all\` it also writes what the shell script does, for images without a
 * shell. The working directory is not searched for modules, so that a file json.py in it does no harm.
 */
const PYTHON_PROGRAM = `
import sys
if sys.path and sys.path[0] == "": sys.path.pop(0)
import os, re
n, path = sys.argv[1:3]
def say(key, value): sys.stdout.write("%s %s %s\\n" % (n, key, value))
def writable(d):
    try: open(os.path.join(d, ".boxkite-" + n), "w").close()
    except Exception: return "no "
    return "yes "
def import_runtime():
    import importlib
    for name in ${JSON.stringify(IMPORTED)}:
        try: importlib.import_module(name)
        except BaseException as e:
            # Private modules may have other names in other versions.
            if str(getattr(e, "name", None) or "").startswith("flyte."): continue
            return "failed %s: %s" % (type(e).__name__, " ".join(str(e).split())[:300])
    return "ok"
if sys.argv[3:] == ["import"]:
    say("a0-import", import_runtime())
    sys.stdout.flush()
    os._exit(0)
if sys.argv[3:] == ["all"]:
    say("begin", "python")
    uid = os.geteuid()
    say("uid", uid)
    say("gid", os.getegid())
    try:
        for line in open("/etc/passwd"):
            if line.split(":")[2:3] == [str(uid)]:
                say("name", line.split(":")[0])
                break
    except Exception: pass
    home = os.environ.get("HOME")
    if home: say("home", writable(home) + home)
    say("workdir", writable(os.getcwd()) + os.getcwd())
    say("path", os.environ.get("PATH", ""))
    for name in ${JSON.stringify(VARIABLES)}:
        if os.environ.get(name): say("env", name + "=" + os.environ[name])
    for name in ${JSON.stringify(PROGRAMS)}:
        for d in os.environ.get("PATH", "").split(":"):
            if os.access(os.path.join(d, name), os.X_OK):
                say("program", name + " " + os.path.join(d, name))
                if name == "a0":
                    try:
                        for line in open(os.path.join(d, name)).read(4096).split("\\n")[:2]: say("a0", line)
                    except Exception: pass
                break
    for name in [os.environ.get("SSL_CERT_FILE", "")] + ${JSON.stringify(CA_BUNDLES.slice(1))}:
        if os.path.isfile(name) and os.path.getsize(name):
            say("ca", name)
            break
    try:
        for line in open("/etc/os-release"):
            if line.startswith(("ID=", "VERSION_ID=")): say("os", line.strip())
    except Exception: pass
say("python-path", path)
say("python", "version=%d.%d.%d" % sys.version_info[:3])
free = hasattr(sys, "abiflags") and "t" in sys.abiflags
say("python", "build=" + sys.implementation.name + ("-free-threaded" if free else ""))
say("python", "prefix=" + sys.prefix)
say("python", "basePrefix=" + getattr(sys, "base_prefix", sys.prefix))
say("python", "architecture=" + os.uname()[4])
if os.path.exists(os.path.join(os.path.dirname(path), "a0")): say("python", "a0=yes")
try: say("python", "libc=" + os.confstr("CS_GNU_LIBC_VERSION"))
except Exception:
    try: musl = any(name.startswith("ld-musl") for name in os.listdir("/lib"))
    except Exception: musl = False
    if musl: say("python", "libc=musl")
seen = {}
for d in sys.path:
    try: names = os.listdir(d)
    except Exception: continue
    for name in names:
        m = re.match("(.+?)-([0-9][^-]*)(-py[0-9.]+)?[.](dist-info|egg-info)$", name)
        if m: seen.setdefault(re.sub("[-_.]+", "-", m.group(1)).lower(), m.group(2))
names = sorted(seen)
for i in range(0, len(names), 16): say("packages", " ".join(k + "=" + seen[k] for k in names[i : i + 16]))
if sys.argv[3:] == ["all"]:
    if "flyte" in seen: say("a0-import", import_runtime())
    say("end", "")
`;

/** Its version, and that of the package boxkite that a0-ts belongs to, with what its package.json says of workers. */
const NODE_PROGRAM = `
const [n, program, all] = process.argv.slice(-3);
const write = (key, value) => console.log(n + " " + key + " " + value);
const say = (key, value) => write("node", key + "=" + value);
if (all === "all") write("begin", "node"), write("node-path", process.execPath);
say("version", process.versions.node);
try {
  const fs = require("fs"), path = require("path");
  for (let d = path.dirname(fs.realpathSync(program)); d !== path.dirname(d); d = path.dirname(d)) {
    const file = path.join(d, "package.json");
    if (!fs.existsSync(file)) continue;
    const { name, version, boxkite } = JSON.parse(fs.readFileSync(file, "utf8"));
    if (name === "boxkite") {
      say("boxkite", version);
      if (boxkite && boxkite.workers) say("workers", boxkite.workers);
    }
    break;
  }
} catch {}
if (all === "all") write("end", "");
`;

/** The arguments that follow `sh`. Scripts in the ENTRYPOINT are read for whether they may execute their arguments. */
export function shellProbe(nonce: string, entrypoint: readonly string[] = []): string[] {
  return ["-c", SHELL_SCRIPT, "boxkite", nonce, PYTHON_PROGRAM, NODE_PROGRAM, ...entrypoint];
}

/** The arguments that follow an interpreter's path, in an image without a shell. */
export function pythonProbe(nonce: string, path: string): string[] {
  return ["-c", PYTHON_PROGRAM, nonce, path, "all"];
}

/** `program`: the path of a0-ts, or nothing. */
export function nodeProbe(nonce: string, program: string): string[] {
  return ["-e", NODE_PROGRAM, nonce, program, "all"];
}
