"""An installed wheel carries the schema files and finds them, without a checkout."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rak_services.migrate.files import load_schema_files, schema_folder

CHECKOUT = Path(__file__).parents[3]
SHOW = """
from rak_services.migrate.files import load_schema_files, schema_folder
print(schema_folder())
for file in load_schema_files(schema_folder()):
    print(file.name, file.checksum)
"""


def _run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, so that the checkout stays as it is."""
    source = tmp_path_factory.mktemp("source")
    for name in ("services", "libs", "schema"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(CHECKOUT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, source)
    uv = Path(sys.executable).with_name("uv")
    options = ("--wheel", "--no-build-isolation", "--offline", "--python", sys.executable)
    _run(uv, "build", *options, "--out-dir", source / "dist", source, cwd=source)
    (built,) = (source / "dist").glob("*.whl")
    return built


def test_a_wheel_holds_every_schema_file(wheel: Path) -> None:
    """Byte for byte."""
    with zipfile.ZipFile(wheel) as archive:
        held = {
            Path(name).name: archive.read(name)
            for name in archive.namelist()
            if "/share/rak-ingest/schema/clickhouse/" in name
        }
    assert held == {path.name: path.read_bytes() for path in schema_folder().glob("*.sql")}


def test_an_installed_wheel_finds_its_schema_files(wheel: Path, tmp_path: Path) -> None:
    """In an environment that knows nothing of the checkout."""
    uv = Path(sys.executable).with_name("uv")
    environment = tmp_path / "environment"
    _run(uv, "venv", "--offline", "--python", sys.executable, environment, cwd=tmp_path)
    python = environment / "bin" / "python"
    _run(uv, "pip", "install", "--offline", "--no-deps", "--python", python, wheel, cwd=tmp_path)
    dependencies = Path(pytest.__file__).parents[1]
    show = f"import sys; sys.path.append({str(dependencies)!r})\n{SHOW}"
    folder, *shown = _run(python, "-I", "-c", show, cwd=tmp_path).splitlines()
    assert Path(folder) == environment / "share/rak-ingest/schema/clickhouse"
    expected = load_schema_files(schema_folder())
    assert shown == [f"{file.name} {file.checksum}" for file in expected]


def test_a_wheel_holds_the_example_of_prices(wheel: Path) -> None:
    """Byte for byte, beside the code that reads it."""
    name = "rak_services/derive/ledger/prices.toml"
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(name) == (CHECKOUT / "services" / name).read_bytes()
