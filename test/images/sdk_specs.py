"""Writes what the stock SDK would upload for a set of images: spec.pb and, with files, context.tar.gz.

    sdk_specs.py OUT INDEX BASE [BASE ...]

INDEX is the address of a package index that has the test's wheel. For each base and each case, OUT/<base number>/<case>/ holds the files and `target`, the name of the image.
The images are made with flyte.Image only; the files come from the SDK's own remote builder.
"""

import asyncio
import base64
import hashlib
import json
import os
import pathlib
import shutil
import sys
import types
import zipfile

import flyte
import flyte.errors
import flyte._internal.imagebuild.remote_builder as remote_builder
from flyte import Image, Secret
from flyte._image import PythonWheels, UVScript

FILES = {
    "requirements.txt": "iniconfig==2.0.0\n",
    "app/tasks.py": "ANSWER = 42\n",
    "app/data/notes.txt": "notes\n",
    "app/skipped.log": "not for the image\n",
    "single.py": "print('single')\n",
    "my project/spaced.py": "SPACED = True\n",
    ".dockerignore": "**/*.log\n",
    "uvproj/pyproject.toml": """
[project]
name = "uvproj"
version = "0.1.0"
requires-python = ">=3.10"
dependencies = ["iniconfig==2.0.0"]
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
""",
    "uvproj/src/uvproj/__init__.py": "NAME = 'uvproj'\n",
    "poetryproj/poetryproj/__init__.py": "NAME = 'poetryproj'\n",
    "script.py": """# /// script
# requires-python = ">=3.10"
# dependencies = ["iniconfig==2.0.0"]
# ///
""",
}


def cases(base: str, root: pathlib.Path, index: str) -> dict[str, Image]:
    def start(name: str) -> Image:
        return Image.from_base(base).clone(name=f"org/{name}", extendable=True)

    wheels = Image.from_base(base).clone(name="org/wheels", extendable=True)
    found = {
        "none": start("none"),
        "apt": start("apt").with_apt_packages("tree"),
        "pip": start("pip").with_pip_packages("iniconfig==2.0.0", "packaging>20"),
        "pip-uv-options": start("pip-uv").with_pip_packages("iniconfig==2.0.0", pre=True, extra_args="--resolution lowest"),
        "pip-secret": start("pip-secret").with_pip_packages(
            "boxkite-test-wheel==1.0",
            extra_index_urls=[index.replace("://", "://user:$INDEX_TOKEN@").replace("/simple", "/private")],
            secret_mounts=[Secret(key="token", group="index", as_env_var="INDEX_TOKEN")],
        ),
        "requirements": start("requirements").with_requirements(root / "requirements.txt"),
        "commands": start("commands").with_commands(
            ["echo one > /one", "cat > /two <<END\n$(cat /one) two\nEND", "[ -f /two ] && echo $((1 + 2)) > /three"]
        ),
        "command-secret": start("command-secret").with_commands(
            ['test "$TOKEN" = s3cret && test "$(cat /etc/flyte/secrets/file-token)" = "in a file" && touch /secrets-seen'],
            secret_mounts=[Secret(key="token", as_env_var="TOKEN"), Secret(key="file-token", mount=pathlib.Path("/etc/flyte/secrets"))],
        ),
        "env": start("env").with_env_vars(
            {"PATH": "/extra/bin:$PATH", "HOME_OF": "/opt/x", "INSIDE": "$HOME_OF/y", "QUOTED": 'say "hi" \\ there', "PLAIN": "a b"}
        ),
        "workdir": start("workdir").with_workdir("/srv/made here"),
        "source-folder": start("folder").with_dockerignore(root / ".dockerignore").with_source_folder(root / "app"),
        "source-contents": start("contents").with_source_folder(root / "app", copy_contents_only=True),
        "source-file": start("file").with_source_file(root / "single.py").with_source_file(root / "my project/spaced.py", "sub dir/"),
        "code-bundle": flyte._image.resolve_code_bundle_layer(
            start("bundle").with_code_bundle(copy_style="all"), "none", root / "app"
        ),
        "wheels": wheels.clone(addl_layer=PythonWheels(wheel_dir=root / "dist", package_name="boxkite-test-wheel")),
        "uv-project": start("uv").with_uv_project(root / "uvproj/pyproject.toml"),
        "uv-project-install": start("uv-install").with_uv_project(
            root / "uvproj/pyproject.toml", project_install_mode="install_project"
        ),
        "poetry": start("poetry").with_poetry_project(root / "poetryproj/pyproject.toml"),
        "poetry-install": start("poetry-install").with_poetry_project(
            root / "poetryproj/pyproject.toml", project_install_mode="install_project"
        ),
        "uv-script": start("script").clone(addl_layer=UVScript(script=root / "script.py")),
        "broken": start("broken").with_commands(["true"]).with_pip_packages("no-such-thing-of-boxkite==1.0"),
        "slow": start("slow").with_commands(["echo started; sleep 120"]),
    }
    return found


async def write(image: Image, out: pathlib.Path) -> None:
    out.mkdir(parents=True)

    async def keep(path):
        shutil.copy(path, out)
        return None, str(path)

    remote_builder.remote = types.SimpleNamespace(upload_file=types.SimpleNamespace(aio=keep))
    await remote_builder._validate_configuration(image)
    (out / "target").write_text(f"{image.name}:{image._final_tag}")


def make_wheel(folder: pathlib.Path) -> None:
    """A wheel is a zip file with two files of metadata; making one needs no tool."""
    folder.mkdir()
    info = "boxkite_test_wheel-1.0.dist-info"
    files = {
        "boxkite_test_wheel.py": "NAME = 'wheel'\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: boxkite-test-wheel\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},{len(text)}\n"
        for name, text in files.items()
    )
    with zipfile.ZipFile(folder / "boxkite_test_wheel-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
        wheel.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")


def main() -> None:
    out = pathlib.Path(sys.argv[1])
    # The SDK calls uv to look into uv projects; it is installed beside this interpreter.
    os.environ["PATH"] = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    root = out / "sources"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    make_wheel(root / "dist")
    index = sys.argv[2]
    write_poetry_project(root / "poetryproj", next((root / "dist").iterdir()), index)
    flyte.init(root_dir=root)
    for number, base in enumerate(sys.argv[3:]):
        for name, image in cases(base, root, index).items():
            asyncio.run(write(image, out / str(number) / name))
    debian = Image.from_debian_base(python_version=(3, 11), install_flyte=False).clone(
        name="org/debian", base_image="docker.io/library/python:3.11-slim", extendable=True
    )
    asyncio.run(write(debian.with_pip_packages("iniconfig==2.0.0"), out / "debian"))
    pixi = root / "pixi.toml"
    pixi.write_text('[workspace]\nname = "p"\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n')
    asyncio.run(write(Image.from_base("base:1").clone(name="org/pixi", extendable=True).with_pixi_project(pixi), out / "pixi"))


    refuse_dockerfile(root, out)


def refuse_dockerfile(root: pathlib.Path, out: pathlib.Path) -> None:
    """The SDK itself says no to a Dockerfile of the user's own: no specification can hold it."""
    (root / "Dockerfile").write_text("FROM scratch\n")
    image = Image.from_dockerfile(root / "Dockerfile", registry="registry.invalid", name="org/own")
    try:
        asyncio.run(remote_builder._validate_configuration(image))
    except flyte.errors.ImageBuildError as error:
        (out / "dockerfile-refused").write_text(str(error))


def write_poetry_project(folder: pathlib.Path, wheel: pathlib.Path, index: str) -> None:
    """A project whose one dependency is the wheel, in an index that the test serves."""
    project = {"requires-python": ">=3.10", "dependencies": ["boxkite-test-wheel (==1.0)"]}
    source = {"name": "local", "url": index, "priority": "primary"}
    content = {"project": project, "tool": {"poetry": {"source": [source]}}}
    content_hash = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    (folder / "pyproject.toml").write_text(
        f"""
[project]
name = "poetryproj"
version = "0.1.0"
requires-python = {json.dumps(project["requires-python"])}
dependencies = {json.dumps(project["dependencies"])}
[[tool.poetry.source]]
name = "local"
url = "{index}"
priority = "primary"
[build-system]
requires = ["poetry-core>=2"]
build-backend = "poetry.core.masonry.api"
"""
    )
    (folder / "poetry.lock").write_text(
        f"""# This file is automatically @generated by Poetry 2.1.0 and should not be changed by hand.

[[package]]
name = "boxkite-test-wheel"
version = "1.0"
description = ""
optional = false
python-versions = "*"
groups = ["main"]
files = [
    {{file = "{wheel.name}", hash = "sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"}},
]

[package.source]
type = "legacy"
url = "{index.rstrip("/")}"
reference = "local"

[metadata]
lock-version = "2.1"
python-versions = ">=3.10"
content-hash = "{content_hash}"
"""
    )


if __name__ == "__main__":
    main()
