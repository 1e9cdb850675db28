"""Compiles `schema/proto` when the distribution is built or installed."""

from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc
from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PROTO = ROOT / "schema/proto"
COMPILED = ROOT / "libs/rak_libs/pprof"


class CompileProto(build_py):
    """Writes `profile_pb2.py` and its stub beside the code that uses them, then goes on."""

    def run(self) -> None:
        """Compile; raises SystemExit when the compiler refuses the file."""
        well_known = files("grpc_tools") / "_proto"
        arguments = [f"-I{PROTO}", f"-I{well_known}", f"--python_out={COMPILED}"]
        status = protoc.main(["", *arguments, f"--pyi_out={COMPILED}", "profile.proto"])
        if status:
            raise SystemExit(f"schema/proto/profile.proto cannot be compiled: status {status}")
        super().run()


setup(cmdclass={"build_py": CompileProto})
