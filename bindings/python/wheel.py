"""Makes the wheel a platform wheel that carries the library; `build` has put it into target/python."""

import pathlib
import sysconfig
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PlatformWheel(BuildHookInterface):  # type: ignore[type-arg]
    """The build hook that pyproject.toml names."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the library, and the tag: any Python 3, but this platform alone."""
        project = pathlib.Path(self.root).parent.parent
        library = project / "target/python/libimport_cji.so"
        if not library.exists():
            raise FileNotFoundError(f"{library} is missing: bindings/python/build makes it, and the wheel")
        build_data["force_include"].update(
            {
                str(library): "import_cji/libimport_cji.so",
                str(project / "LICENSE-MIT"): "import_cji/LICENSE-MIT",
                str(project / "LICENSE-APACHE"): "import_cji/LICENSE-APACHE",
                str(project / "THIRD-PARTY-NOTICES"): "import_cji/THIRD-PARTY-NOTICES",
            }
        )
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data.update(pure_python=False, tag=f"py3-none-{platform}")
