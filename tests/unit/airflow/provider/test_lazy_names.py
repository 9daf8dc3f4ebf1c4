import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

ROOMS = ["assets", "hooks", "operators", "sensors", "triggers"]


def package_of(room):
    return importlib.import_module(f"sailpoint_provider.{room}")


def public_classes(room):
    """Return the public classes that the modules of a room define, by name."""
    package = package_of(room)
    found = {}
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        members = inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        found |= {
            name: member
            for name, member in members
            if member.__module__ == module.name and name.startswith("SailPoint")
        }
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_a_package_offers_every_public_class_of_its_modules(room):
    package, classes = package_of(room), public_classes(room)
    assert classes
    assert sorted(package.__all__) == sorted(classes)
    assert {name: getattr(package, name) for name in package.__all__} == classes


@pytest.mark.parametrize("room", ROOMS)
def test_an_unknown_name_is_an_ordinary_attribute_error(room):
    with pytest.raises(AttributeError, match=rf"{room}' has no attribute 'Nothing'"):
        _ = package_of(room).Nothing


def test_a_package_alone_imports_none_of_its_modules():
    names = [f"sailpoint_provider.{room}" for room in ROOMS]
    code = (
        f"import sys, {', '.join(names)}\n"
        f"print([name for name in sys.modules if name.rpartition('.')[0] in {names!r}])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
