"""The schema files: `schema/clickhouse/NNNN_<object>.sql`, one statement each, in order."""

import hashlib
import importlib.metadata
import itertools
import re
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rak_services.migrate.config import Target
from rak_services.migrate.errors import BadSchemaFile

_DISTRIBUTION: Final = "rak-ingest"
_FOLDER: Final = "schema/clickhouse"
_NAME: Final = re.compile(r"(?P<version>[0-9]{4})_(?P<object>[a-z][a-z0-9_]*)\.sql")
_CLUSTER_ONLY: Final = "-- form: cluster"
_TTL: Final = re.compile(r"^TTL (?P<expression>.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SchemaFile:
    r"""One schema file.

    Attributes:
        version: The number in its name, from 1.
        name: Its name, `0002_spans.sql`.
        object: The table or view that it makes or changes, without `_local`.
        template: Its text with `${placeholders}` (`Target.placeholders`).
        checksum: SHA-256 of the template in hex, over `\n` line ends.
        cluster_only: Whether the single-node form leaves it out.
    """

    version: int
    name: str
    object: str
    template: str
    checksum: str
    cluster_only: bool

    def render(self, target: Target) -> str:
        """Return the statement for a database, without comment lines and the closing semicolon.

        Raises:
            BadSchemaFile: The template has a placeholder that does not exist.
        """
        try:
            text = string.Template(self.template).substitute(target.placeholders())
        except (KeyError, ValueError) as error:
            known = ", ".join(sorted(target.placeholders()))
            raise BadSchemaFile(
                f"{self.name}: bad placeholder {error}; known are {known}"
            ) from None
        lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
        return "\n".join(lines).strip().removesuffix(";")

    def ttl(self, target: Target) -> str | None:
        """Return the expression of the statement's TTL line, or None when it has none."""
        found = _TTL.search(self.render(target))
        return found["expression"] if found else None


def schema_folder() -> Path:
    """Return the folder of the schema files: the checkout's, or the one that a wheel installed.

    Raises:
        BadSchemaFile: There is neither.
    """
    checkout = Path(__file__).parents[3] / _FOLDER
    if checkout.is_dir():
        return checkout
    for file in importlib.metadata.files(_DISTRIBUTION) or ():
        if file.parent.as_posix().endswith(f"{_DISTRIBUTION}/{_FOLDER}"):
            return Path(str(file.locate())).resolve().parent
    raise BadSchemaFile(f"no folder {_FOLDER}: {_DISTRIBUTION} is installed without its data files")


def load_schema_files(folder: Path) -> tuple[SchemaFile, ...]:
    """Read all schema files of a folder, in the order of their versions.

    Raises:
        BadSchemaFile: A name is not `NNNN_<object>.sql`, two files have one version, a file does
            not hold exactly one statement, or there is no file.
    """
    files = tuple(_load(path) for path in sorted(folder.iterdir()) if path.suffix == ".sql")
    if not files:
        raise BadSchemaFile(f"no schema files in {folder}")
    for earlier, later in itertools.pairwise(files):
        if earlier.version == later.version:
            raise BadSchemaFile(f"{earlier.name} and {later.name} have the same version")
    return files


def _load(path: Path) -> SchemaFile:
    parts = _NAME.fullmatch(path.name)
    if parts is None:
        raise BadSchemaFile(f"{path.name}: expected a name like 0002_spans.sql")
    template = path.read_text(encoding="utf-8").replace("\r\n", "\n")
    lines = template.splitlines()
    code = "\n".join(line for line in lines if not line.lstrip().startswith("--")).strip()
    if not code.endswith(";") or ";" in code[:-1]:
        raise BadSchemaFile(f"{path.name}: expected one statement that ends with a semicolon")
    return SchemaFile(
        version=int(parts["version"]),
        name=path.name,
        object=parts["object"],
        template=template,
        checksum=hashlib.sha256(template.encode()).hexdigest(),
        cluster_only=_CLUSTER_ONLY in lines,
    )
