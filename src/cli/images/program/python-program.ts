/**
 * Executes a Python program with the functions of `flyte` replaced that would connect, build, run or deploy, and writes
 * the images of its environments to file descriptor 3. For the stock SDK; tried with 2.12.1.
 */
export const PYTHON_PROGRAM = `
import json, os, runpy, sys, traceback
file = sys.argv[1]
sys.argv = sys.argv[1:]
sys.path[0] = os.path.dirname(file)
if os.getcwd() not in sys.path: sys.path.insert(1, os.getcwd())
import flyte
from flyte import _environment as environments
from flyte.config import auto

class Started(BaseException): pass

class Replaced:
    def __init__(self, call): self.call = call
    def __call__(self, *args, **kwargs): return self.call(*args, **kwargs)
    async def aio(self, *args, **kwargs): return self.call(*args, **kwargs)
    def __getattr__(self, name): return Replaced(self.call)

refs = {}
def read_config(source):
    try: refs.update((source if hasattr(source, "image") else auto(source)).image.image_refs or {})
    except Exception as error: sys.stderr.write("configuration: %s\\n" % error)
def init(*args, **kwargs): name_images(kwargs.get("images"))
def init_from_config(*args, **kwargs):
    read_config(args[0] if args else kwargs.get("path_or_config"))
    name_images(kwargs.get("images"))
def name_images(images):
    for text in images or ():
        name, _, uri = text.rpartition("=")
        refs[name or "default"] = uri
def start(*args, **kwargs): raise Started()

read_config(None)
for name in ("init", "init_from_api_key", "init_in_cluster", "init_passthrough"):
    if hasattr(flyte, name): setattr(flyte, name, Replaced(init))
flyte.init_from_config = Replaced(init_from_config)
for name in ("run", "deploy", "serve", "build", "build_images", "rerun", "run_python_script"):
    if hasattr(flyte, name): setattr(flyte, name, Replaced(start))
for name in ("with_runcontext", "with_servecontext"):
    if hasattr(flyte, name): setattr(flyte, name, lambda *args, **kwargs: Replaced(start))

def image_of(environment):
    image = environment.image
    if image is None or image == "auto":
        uri = refs.get("default")
        return ("given", uri if uri else flyte.Image.from_debian_base().uri)
    if isinstance(image, str): return ("given", image)
    base = image.base_image
    if image._ref_name is not None:
        base = refs.get(image._ref_name)
        if base is None: return ("unnamed", image._ref_name)
    if image._layers or image.dockerfile is not None: return ("built", str(base or image.dockerfile))
    return ("given", base if image._ref_name is not None else image.uri)

try: runpy.run_path(file, run_name="__main__")
except Started: pass
except SystemExit as end:
    if end.code not in (None, 0): raise
except Exception:
    # The SDK's own hook writes a part of it to the standard output.
    sys.stderr.write(traceback.format_exc())
    os._exit(1)

found = {}
def visit(environment):
    if environment.name in found: return
    kind, reference = image_of(environment)
    found[environment.name] = {"environment": environment.name, "kind": kind, "reference": reference}
    for each in environment.depends_on: visit(each)
for each in list(environments.list_loaded_environments()): visit(each)
with os.fdopen(3, "w") as answer: json.dump(list(found.values()), answer)
sys.stdout.flush()
os._exit(0)
`;
