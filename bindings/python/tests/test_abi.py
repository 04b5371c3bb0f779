"""The declared functions, and the library that has them."""

import ctypes
import importlib.metadata
import inspect
import json
import pathlib
import shutil
import unittest
import unittest.mock
from typing import Any

import support

import import_cji
from import_cji import Engine, _abi

ABI = json.loads((support.PROJECT / "tests/data/abi.json").read_text("utf-8"))
PACKAGE = pathlib.Path(import_cji.__file__).parent
LIBRARY = PACKAGE / "libimport_cji.so"

C_TYPES: list[tuple[Any, str]] = [
    (None, "void"),
    (_abi.CALLBACK, "cji_callback"),
    (_abi.PROGRESS, "cji_progress"),
    (_abi.EngineHandle, "cji_engine *"),
    (_abi.OwnedText, "char *"),
    (ctypes.POINTER(_abi.OwnedText), "char **"),
    (ctypes.c_char_p, "const char *"),
    (ctypes.c_void_p, "void *"),
    (ctypes.c_int32, "int32_t"),
    (ctypes.c_uint32, "uint32_t"),
]


def c_type(declared: Any) -> str:
    """What ctypes' type is in C."""
    return next(
        name for kind, name in C_TYPES if kind is declared or (kind and declared and issubclass(declared, kind))
    )


class DeclarationTest(unittest.TestCase):
    def test_every_function_of_the_header_is_declared_with_its_types(self) -> None:
        declared = [
            {
                "name": name,
                "returns": c_type(result),
                "parameters": [{"name": key, "type": c_type(kind)} for key, kind in parameters.items()],
            }
            for name, (result, parameters) in _abi.FUNCTIONS.items()
        ]
        self.assertEqual(declared, ABI["functions"])

    def test_the_version_of_the_abi_is_the_headers(self) -> None:
        self.assertEqual(_abi.ABI_VERSION, ABI["abi_version"])

    def test_every_function_is_a_method_with_the_headers_parameters(self) -> None:
        for function in ABI["functions"]:
            name = function["name"][4:] if function["name"].startswith("cji_") else function["name"]
            if name in ("text_free", "engine_open", "engine_close"):
                continue
            with self.subTest(name):
                names = [p["name"] for p in function["parameters"] if p["name"] not in ("engine", "user_data")]
                self.assertEqual(list(inspect.signature(getattr(Engine, name)).parameters), ["self", *names])

    def test_the_22_parameters_are_given_by_name_alone(self) -> None:
        parameters = [*inspect.signature(Engine.import_cji).parameters.values()][1:]
        self.assertEqual({(p.kind, p.default) for p in parameters}, {(inspect.Parameter.KEYWORD_ONLY, "")})


SHOW = """
engine = Engine(":memory:", library=sys.argv[1] if len(sys.argv) > 1 else None)
print(*{line.split()[-1] for line in open("/proc/self/maps") if "import_cji" in line or "other" in line})
"""


class LibraryTest(unittest.TestCase):
    def test_an_explicit_path_is_taken_first(self) -> None:
        with support.folder() as folder:
            other = shutil.copy(LIBRARY, folder / "other.so")
            self.assertEqual(support.printed(SHOW, other), str(other))

    def test_then_the_library_in_the_package(self) -> None:
        with support.folder() as folder:
            (folder / "libimport_cji.so.0").write_text("no library")
            found = support.printed(SHOW, LD_LIBRARY_PATH=str(folder))
            self.assertEqual(found, str(LIBRARY))

    def test_then_the_systems(self) -> None:
        with support.folder() as folder:
            shutil.copytree(PACKAGE, folder / "import_cji", ignore=shutil.ignore_patterns("*.so"))
            system = shutil.copy(LIBRARY, folder / "libimport_cji.so.0")
            found = support.printed(SHOW, LD_LIBRARY_PATH=str(folder), PYTHONPATH=f"{folder}:{support.TESTS}")
            self.assertEqual(found, str(system))

    def test_a_library_that_is_not_there_is_an_oserror_that_names_it(self) -> None:
        with self.assertRaisesRegex(OSError, "/nowhere/libimport_cji.so"):
            Engine(":memory:", library="/nowhere/libimport_cji.so")

    def test_another_library_is_refused_by_name(self) -> None:
        with self.assertRaisesRegex(OSError, "libc.so.6 is not the library import-cji"):
            Engine(":memory:", library="libc.so.6")

    def test_another_version_of_the_abi_is_refused_with_both_numbers(self) -> None:
        refused = self.assertRaisesRegex(OSError, "version 1 of the ABI, this package needs version 77")
        with unittest.mock.patch.object(_abi, "ABI_VERSION", 77), refused:
            Engine(":memory:", library=f"{PACKAGE}/./libimport_cji.so")

    def test_opening_starts_no_thread(self) -> None:
        before = support.threads()
        with Engine(":memory:"):
            self.assertEqual(support.threads(), before)


class WheelTest(unittest.TestCase):
    def test_package_and_library_have_one_version(self) -> None:
        with Engine(":memory:") as engine:
            self.assertEqual(engine.version(), importlib.metadata.version("import-cji"))
            self.assertEqual(engine.abi_version(), _abi.ABI_VERSION)

    def test_it_is_for_every_python_3_and_for_this_platform_alone(self) -> None:
        wheel = importlib.metadata.distribution("import-cji").read_text("WHEEL") or ""
        self.assertRegex(wheel, r"(?m)^Root-Is-Purelib: false$")
        self.assertRegex(wheel, r"(?m)^Tag: py3-none-manylinux_2_\d+_\w+$")

    def test_it_is_marked_as_typed(self) -> None:
        self.assertTrue((PACKAGE / "py.typed").exists())

    def test_it_brings_the_licences(self) -> None:
        self.assertTrue((PACKAGE / "LICENSE-MIT").exists() and (PACKAGE / "LICENSE-APACHE").exists())
        self.assertIn("\nlibsqlite3-sys ", (PACKAGE / "THIRD-PARTY-NOTICES").read_text("utf-8"))
