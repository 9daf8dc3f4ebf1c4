"""Turn the reST roles of docstrings into Markdown links, for the reference."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from griffe import Extension

if TYPE_CHECKING:
    from griffe import Object

_ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|exc):`~?(?P<path>[\w.]+)`")


class RestRoles(Extension):
    """Show each role as its last name in code style."""

    def on_instance(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrite the docstring of one object."""
        if obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(
                lambda role: f"`{role['path'].rpartition('.')[2]}`", obj.docstring.value
            )
