"""The public face of each package is its `__all__`, and nothing else comes in by accident."""

import json
from collections.abc import Callable
from typing import Any


def test_all_of_each_package_is_what_can_be_imported(
    run_tree: Callable[[str], str], tree: Any
) -> None:
    """A package without `__all__` has no public names. What it imports from other projects for its
    own use (Path, Any) is not counted."""
    packages = [source.module for source in tree.sources() if source.is_package]
    faces = json.loads(
        run_tree(
            "import importlib, json, types\n"
            "def from_here(v):\n"
            "    home = v.__name__ if isinstance(v, types.ModuleType)"
            " else getattr(v, '__module__', None)\n"
            "    return home is None or home.startswith('lifeline.')\n"
            "faces = {}\n"
            f"for name in {packages!r}:\n"
            "    package = importlib.import_module(name)\n"
            "    said = list(getattr(package, '__all__', ()))\n"
            "    for each in said: getattr(package, each)\n"
            "    held = [n for n, v in vars(package).items()\n"
            "            if not n.startswith('_') and n != 'annotations'\n"
            "            and not (isinstance(v, types.ModuleType) and v.__name__ == f'{name}.{n}')\n"
            "            and from_here(v)]\n"
            "    faces[name] = (said, sorted({*held, *said}))\n"
            "print(json.dumps(faces))"
        )
    )
    assert {name: sorted(said) for name, (said, _) in faces.items()} == {
        name: held for name, (_, held) in faces.items()
    }


def test_all_of_each_module_can_be_imported(run_tree: Callable[[str], str], tree: Any) -> None:
    run_tree(
        "import importlib\n"
        f"for name in {tree.modules()!r}:\n"
        "    module = importlib.import_module(name)\n"
        "    for each in getattr(module, '__all__', ()): getattr(module, each)\n"
    )
