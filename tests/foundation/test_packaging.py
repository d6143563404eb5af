import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("devices", "crossbar", "peripherals", "models", "experiments")
PARTS = ("models/accounting",)  # packages within layers


def _package(folder):
    return f"memramp.{folder.replace('/', '.')}"


def test_links_mapping_and_wheel_agree(tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    links = {path.name: path.readlink().as_posix() for path in (ROOT / "memramp").iterdir() if path.is_symlink()}
    assert links == {layer: f"../{layer}" for layer in LAYERS}
    folders = [*LAYERS, *PARTS]
    assert project["package-dir"] == {"memramp": "memramp", **{_package(folder): folder for folder in folders}}
    assert sorted(project["packages"]) == sorted(project["package-dir"])
    source = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    wanted = {name if name.startswith("memramp/") else f"memramp/{name}" for name in source
              if name.split("/")[0] in (*LAYERS, "memramp") and name not in {f"memramp/{layer}" for layer in LAYERS}}
    assert packed == wanted
